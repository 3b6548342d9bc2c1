//! Why a request was not sent.

use std::error::Error;

use kest_core::AdmitError;
use kest_signature::hop::SignError;

use crate::carry::content::ContentError;
use crate::check::NotAsPacked;
use crate::inject::InjectError;
use crate::pack::PackError;

/// A request was not sent, since it could not carry its lineage.
///
/// Found in the error of a client by [`CarryError::of`], whatever is around it.
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
    /// The request names no origin, and nothing says where its client would send it.
    ///
    /// A client that is bound to one origin, such as a tonic channel, is told so: `kest.carry_layer().to(..)`.
    #[error("request names no origin")]
    NoOrigin,
    /// The request names another origin than the one that its client is bound to.
    #[error("request names another origin than its client is bound to")]
    OtherOrigin,
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
    /// The body of the request cannot be covered by its hop proof.
    #[error("body cannot be covered by a hop proof")]
    Body(#[source] ContentError),
    /// The request could not be signed: the signer is away, for instance.
    #[error("request could not be signed")]
    Sign(#[source] SignError),
    /// The signer did not answer within `Limits::admission_wait`.
    #[error("signer did not answer in time")]
    SignerSlow,
}

impl CarryError {
    /// Finds it in the error of a client, whatever layers and middleware have put around it: also in tonic's `Status`.
    #[must_use]
    pub fn of<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error Self> {
        let mut next = Some(error);
        // Chains are short; one that leads back to itself ends here too.
        for _ in 0..LONGEST_CHAIN {
            let error = next?;
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Whether the same request may succeed later: only when something was out of reach.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Pack(cause) => cause.may_retry(),
            Self::Originate(cause) => cause.may_retry(),
            Self::Sign(cause) => cause.may_retry(),
            Self::SignerSlow => true,
            Self::NoLineage
            | Self::InsideRequest
            | Self::NoOrigin
            | Self::OtherOrigin
            | Self::Inject(_)
            | Self::Body(_)
            | Self::NotAsPacked(_) => false,
        }
    }
}

const LONGEST_CHAIN: usize = 64;
