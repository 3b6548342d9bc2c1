//! Tells requests of gRPC from others, and gives the answer to a refused one the form that its client reads.

use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::rejection::RejectionKind;

/// What the client of a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
    GrpcWeb,
    GrpcWebText,
}

impl Protocol {
    /// The gRPC protocol over HTTP/2, "Requests": the method is POST and the content type begins with `application/grpc`.
    ///
    /// Any other method is plain HTTP: its answer could be cached, and a refusal must not be kept as a 200.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let essence = content_type.split(|byte| matches!(byte, b';' | b'+' | b' ' | b'\t')).next();
        match essence {
            Some(essence) if *method == Method::POST => Self::by_name(essence),
            Some(_) | None => Self::Http,
        }
    }

    fn by_name(essence: &[u8]) -> Self {
        let spoken = [Self::Grpc, Self::GrpcWeb, Self::GrpcWebText];
        let is = |it: &Self| it.content_type().is_some_and(|it| essence.eq_ignore_ascii_case(it.as_bytes()));
        spoken.into_iter().find(is).unwrap_or(Self::Http)
    }

    fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Http => None,
            Self::Grpc => Some("application/grpc"),
            Self::GrpcWeb => Some("application/grpc-web"),
            Self::GrpcWebText => Some("application/grpc-web-text"),
        }
    }

    /// Makes of a refusing answer one that says the same in this protocol; over HTTP it says it already.
    pub(crate) fn shape(self, kind: RejectionKind, answer: &mut Parts) {
        let Some(content_type) = self.content_type() else { return };
        answer.status = StatusCode::OK;
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let code = HeaderValue::from_static(kind.row().grpc.as_str());
        answer.headers.insert(GRPC_STATUS, code);
    }
}

/// Where an answer of trailers only says how the call went.
pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, content_type: &str) -> Protocol {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        Protocol::of(method, &headers)
    }

    #[test]
    fn requests_of_grpc_are_told_by_their_content_type() {
        for (content_type, protocol) in [
            ("application/grpc", Protocol::Grpc),
            ("application/grpc+proto", Protocol::Grpc),
            ("Application/gRPC+json; charset=utf-8", Protocol::Grpc),
            ("application/grpc;x=1", Protocol::Grpc),
            ("application/grpc-web+proto", Protocol::GrpcWeb),
            ("application/grpc-web-text", Protocol::GrpcWebText),
        ] {
            assert_eq!(of(&Method::POST, content_type), protocol, "{content_type}");
        }
        for other in ["", "application/json", "application/grpcx", "text/grpc", "application/grpc-websocket"]
        {
            assert_eq!(of(&Method::POST, other), Protocol::Http, "{other}");
        }
        assert_eq!(Protocol::of(&Method::POST, &HeaderMap::new()), Protocol::Http);
    }

    /// Attack: a GET that calls itself gRPC, so that a cache keeps its refusal as the page of all.
    #[test]
    fn get_that_calls_itself_grpc_is_not_answered_with_200() {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
            assert_eq!(of(&method, "application/grpc"), Protocol::Http, "{method}");
        }
    }
}
