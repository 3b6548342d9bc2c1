//! Says what becomes of a request's body: it goes on as it is, or is streamed as part of the operation that sends it.

use kest_baggage::{Ambience, Ambient};

/// Makes the body that the client is given of the one that the request came with.
pub trait WrapBody<Body> {
    /// The body of the client's requests.
    type Wrapped;

    /// Makes it, to be polled under `ambience`.
    fn wrap(&self, body: Body, ambience: Ambience) -> Self::Wrapped;
}

/// Bodies go on as they are; what polls them has no ambience.
#[derive(Debug, Clone, Copy)]
pub struct AsItIs(pub(crate) ());

impl<Body> WrapBody<Body> for AsItIs {
    type Wrapped = Body;

    fn wrap(&self, body: Body, _ambience: Ambience) -> Body {
        body
    }
}

/// Bodies are polled as part of the operation that sends them; made by
/// [`CarryLayer::stream_body`](crate::carry::CarryLayer::stream_body).
#[derive(Clone, Copy)]
pub struct Streamed<Make>(pub(crate) Make);

impl<Body, Wrapped, Make: Fn(Ambient<Body>) -> Wrapped> WrapBody<Body> for Streamed<Make> {
    type Wrapped = Wrapped;

    fn wrap(&self, body: Body, ambience: Ambience) -> Wrapped {
        let Self(make) = self;
        make(ambience.wrap(body))
    }
}

impl<Make> std::fmt::Debug for Streamed<Make> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Streamed(..)")
    }
}
