//! Decides which request follows a redirect: one of the same origin, prepared and signed as a request of its own.

use http::{Method, StatusCode, header};
use kest_http::Origin;
use reqwest::{Request, Response, Url};

/// Redirects that one request may follow; more is a loop.
const MOST: usize = 5;

/// Whether a client follows redirects of the same origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    Follow,
    HandOver,
}

impl Redirects {
    /// What is to be kept of `request`, before it is sent.
    pub(crate) fn keep(self, request: &Request) -> Option<Asked> {
        (self == Self::Follow).then(|| Asked::of(request))
    }
}

/// What is kept of a request while it is asked, so that it can be asked elsewhere.
pub(crate) struct Asked {
    /// With its body, unless that was a stream.
    request: Request,
    body: Body,
    followed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Kept,
    /// A stream, which cannot be sent again.
    Spent,
}

impl Asked {
    fn of(request: &Request) -> Self {
        match request.try_clone() {
            Some(request) => Self { request, body: Body::Kept, followed: 0 },
            None => Self { request: without_body(request), body: Body::Spent, followed: 0 },
        }
    }

    /// The request that follows `response`; `None` where the response is the answer.
    ///
    /// # Errors
    ///
    /// [`TooManyRedirects`] when the origin keeps redirecting to itself.
    pub(crate) fn after(&mut self, response: &Response) -> Result<Option<Request>, TooManyRedirects> {
        let Some(url) = self.target(response) else { return Ok(None) };
        match response.status() {
            // RFC 9110 sections 15.4.2 and 15.4.3: a POST becomes a GET, as clients have always done it.
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if *self.request.method() == Method::POST => {
                self.ask_only();
            }
            // RFC 9110 section 15.4.4.
            StatusCode::SEE_OTHER => self.ask_only(),
            _ => {}
        }
        if self.body == Body::Spent {
            return Ok(None);
        }
        if self.followed == MOST {
            return Err(TooManyRedirects);
        }
        self.followed += 1;
        *self.request.url_mut() = url;
        Ok(self.request.try_clone())
    }

    /// Where it leads, if that is on the same origin. Any other redirect is handed to the caller as it came.
    fn target(&self, response: &Response) -> Option<Url> {
        match response.status() {
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {}
            _ => return None,
        }
        let location = response.headers().get(header::LOCATION)?;
        let here = self.request.url();
        let target = here.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()?;
        (Origin::of(&target)? == Origin::of(here)?).then_some(target)
    }

    /// Asks with a GET, and without what was said about a body.
    fn ask_only(&mut self) {
        if *self.request.method() != Method::HEAD {
            *self.request.method_mut() = Method::GET;
        }
        *self.request.body_mut() = None;
        self.body = Body::Kept;
        let headers = self.request.headers_mut();
        for name in [
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
            header::TRANSFER_ENCODING,
        ] {
            headers.remove(name);
        }
        headers.remove("content-digest");
    }
}

/// The same request without its body.
fn without_body(request: &Request) -> Request {
    let mut without = Request::new(request.method().clone(), request.url().clone());
    without.headers_mut().clone_from(request.headers());
    *without.version_mut() = request.version();
    *without.timeout_mut() = request.timeout().copied();
    without
}

/// The origin keeps redirecting to itself.
#[derive(Debug, thiserror::Error)]
#[error("more than {MOST} redirects")]
pub(crate) struct TooManyRedirects;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method) -> Asked {
        let mut request = Request::new(method, "https://a.example/x/y?z=1".parse().unwrap());
        *request.body_mut() = Some("body".into());
        request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        Asked::of(&request)
    }

    fn redirect(status: u16, location: &str) -> Response {
        http::Response::builder().status(status).header("location", location).body("").unwrap().into()
    }

    fn followed(asked: &mut Asked, status: u16, location: &str) -> Option<(Method, String, bool)> {
        let request = asked.after(&redirect(status, location)).unwrap()?;
        assert_eq!(request.headers().contains_key("content-type"), request.body().is_some());
        Some((request.method().clone(), request.url().to_string(), request.body().is_some()))
    }

    #[test]
    fn redirects_of_the_same_origin_are_followed_as_rfc_9110_has_it() {
        let to = "https://a.example/w".to_owned();
        for (method, status, then, body) in [
            (Method::POST, 301, Method::GET, false),
            (Method::POST, 302, Method::GET, false),
            (Method::PUT, 302, Method::PUT, true),
            (Method::PUT, 303, Method::GET, false),
            (Method::POST, 307, Method::POST, true),
            (Method::POST, 308, Method::POST, true),
        ] {
            let mut asked = asked(method.clone());
            assert_eq!(
                followed(&mut asked, status, "/w"),
                Some((then, to.clone(), body)),
                "{method} {status}"
            );
        }
        assert_eq!(followed(&mut asked(Method::GET), 307, "../v").unwrap().1, "https://a.example/v");
    }

    #[test]
    fn any_other_redirect_is_the_answer() {
        for location in [
            "https://b.example/x",
            "http://a.example/x",
            "https://a.example:8443/x",
            "//b.example/x",
            "ftp://a.example/",
            "https://",
        ] {
            assert_eq!(followed(&mut asked(Method::GET), 307, location), None, "{location}");
        }
        assert_eq!(followed(&mut asked(Method::GET), 304, "/w"), None);
        assert_eq!(followed(&mut asked(Method::GET), 300, "/w"), None);
    }

    #[test]
    fn loop_has_an_end() {
        let mut asked = asked(Method::GET);
        for _ in 0..MOST {
            assert!(followed(&mut asked, 307, "/w").is_some());
        }
        assert!(asked.after(&redirect(307, "/w")).is_err());
    }

    #[test]
    fn stream_is_not_sent_twice() {
        let mut request = Request::new(Method::POST, "https://a.example/".parse().unwrap());
        *request.body_mut() = Some(reqwest::Body::wrap(String::from("once")));
        let mut streamed = Asked::of(&request);
        assert_eq!(followed(&mut streamed, 307, "/w"), None);
        assert_eq!(followed(&mut streamed, 303, "/w").map(|it| it.0), Some(Method::GET));
    }
}
