//! Why a request was not sent.

use kest_baggage::{InjectError, NotAsPacked, PackError};
use kest_core::AdmitError;

/// A request to a listed destination was not sent.
///
/// Found in reqwest-middleware's error by [`CarryError::of`], also below retries.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// No operation is running and none may be started.
    #[error("there is no lineage to carry")]
    NoLineage,
    /// A request is being served in which no operation was admitted, so that no lineage may be started beside it.
    ///
    /// Put an `OperationLayer` on the route, or run the work under an admission of its own.
    #[error("a request is being served and no operation of it is admitted")]
    InsideRequest,
    /// The lineage could not be started.
    #[error("lineage could not be started")]
    Originate(#[source] AdmitError),
    /// The passport fits no tier, or its store is away.
    #[error("passport could not be packed")]
    Pack(#[source] PackError),
    /// The request's own baggage leaves no room.
    #[error("baggage leaves no room for the passport")]
    Inject(#[source] InjectError),
    /// What stands on the request is not what was packed for it.
    #[error("baggage is not what was packed")]
    NotAsPacked(#[source] NotAsPacked),
}

impl CarryError {
    /// Finds it in the error of a client, whatever middleware has put around it.
    #[must_use]
    pub fn of(error: &reqwest_middleware::Error) -> Option<&Self> {
        let cause = match error {
            reqwest_middleware::Error::Middleware(cause) => cause,
            reqwest_middleware::Error::Reqwest(_) => return None,
        };
        cause.chain().find_map(<dyn std::error::Error>::downcast_ref)
    }

    /// Under a text of its own: middleware that hands an error on in its own name hides the first one of its chain.
    pub(crate) fn into_middleware_error(self) -> reqwest_middleware::Error {
        let text = format!("request not sent: {self}");
        reqwest_middleware::Error::Middleware(anyhow::Error::new(self).context(text))
    }

    /// Whether the same request may succeed later: only when something was out of reach.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Pack(cause) => cause.may_retry(),
            Self::Originate(cause) => cause.may_retry(),
            Self::NoLineage | Self::InsideRequest | Self::Inject(_) | Self::NotAsPacked(_) => false,
        }
    }
}
