//! The request that attacks are variations of, made anew for each of them.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

/// Makes the same request again and again: a request whose body is a text or bytes, or a closure that makes one with any
/// other body.
pub trait Requests<Body> {
    /// The request, once more.
    fn request(&self) -> Request<Body>;

    /// What its body holds: that is signed where the service demands hop proofs. Nothing, unless it says; a closure that makes
    /// requests of a gRPC method, whose bodies are never empty, stands in a type of its own that says it.
    fn content(&self) -> Bytes {
        Bytes::new()
    }
}

impl<Text: Into<Bytes> + Clone> Requests<Full<Bytes>> for Request<Text> {
    fn request(&self) -> Request<Full<Bytes>> {
        self.clone().map(|body| Full::new(body.into()))
    }

    fn content(&self) -> Bytes {
        self.body().clone().into()
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
