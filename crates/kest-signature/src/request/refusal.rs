//! The answer to a request that is not let through: constant and empty; the people who run the service get a line.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Response, StatusCode};
use kest_core::refusal::{Actor, Explanation, Refusal, Step};

use super::RequestSignatureError;

/// Why a request was refused; found in the extensions of the refusing response. It holds nothing of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRefused {
    kind: &'static str,
    cause: Option<&'static str>,
}

impl RequestRefused {
    /// As [`RequestSignatureError::kind`].
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// As [`RequestSignatureError::cause`].
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        self.cause
    }
}

/// What each kind means to the people who run the service.
fn explanation(error: &RequestSignatureError) -> (StatusCode, Explanation) {
    use RequestSignatureError as Error;
    let (status, actor, expected, mend) = match error {
        Error::Missing => (
            StatusCode::UNAUTHORIZED,
            Actor::Caller,
            "a signature with the tag of signed requests",
            "let the caller sign with a RequestSigner; routes for everybody stand outside of the layer",
        ),
        Error::Invalid(crate::Fault::BodyTooLarge) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            Actor::Caller,
            "a body within the limit of the layer",
            "let the caller send less, raise the limit, or take the body as a stream",
        ),
        Error::Invalid(_) => (
            StatusCode::UNAUTHORIZED,
            Actor::Caller,
            "a signature that holds for exactly this request, made just now with a key that is trusted",
            "the cause names the rule; behind a proxy see whether it keeps Host, path and query as they came",
        ),
        Error::Replayed | Error::Forgotten => (
            StatusCode::UNAUTHORIZED,
            Actor::Caller,
            "a signature that was not used before",
            "let the caller sign each attempt, below its retries",
        ),
        Error::ShareUsedUp => (
            StatusCode::TOO_MANY_REQUESTS,
            Actor::Caller,
            "fewer requests of one key than its share of the replay store",
            "let the caller send fewer, or give the store more room",
        ),
        Error::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Actor::Dependency,
            "a replay store that remembers the signature",
            "see whether the replay store answers and has room",
        ),
        Error::KeysUnavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            Actor::Dependency,
            "a trust bundle that is in use",
            "see why the bundle is not followed any more: its health and its lines say it",
        ),
    };
    (status, Explanation::new(error.kind(), actor, expected, mend))
}

/// Reports the refusal once and answers it.
pub(super) fn refuse<B: Default>(error: &RequestSignatureError) -> Response<B> {
    let (status, explanation) = explanation(error);
    Refusal::new(Step::Inbound, explanation).status(status.as_u16()).cause(error.cause()).report();
    let mut response = Response::new(B::default());
    *response.status_mut() = status;
    response.extensions_mut().insert(RequestRefused { kind: error.kind(), cause: error.cause() });
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 section 15.5.2: a 401 names a scheme.
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Signature"));
    }
    response
}
