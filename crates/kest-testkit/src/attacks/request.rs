//! The request that attacks are variations of, made anew for each of them.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

/// Makes the same request again and again: a request whose body is a text or bytes, or a closure that makes one with any
/// other body.
pub trait Requests<Body> {
    /// The request, once more.
    fn request(&self) -> Request<Body>;
}

impl<Text: Into<Bytes> + Clone> Requests<Full<Bytes>> for Request<Text> {
    fn request(&self) -> Request<Full<Bytes>> {
        self.clone().map(|body| Full::new(body.into()))
    }
}

impl<Make, Body> Requests<Body> for Make
where
    Make: Fn() -> Request<Body>,
{
    fn request(&self) -> Request<Body> {
        self()
    }
}
