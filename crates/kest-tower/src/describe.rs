//! Says of each request what its operation is about, where that takes more than a look at the address.

use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;
use kest_core::entry::ResourceError;
use kest_core::refusal::Step;
use kest_core::{BoxError, CanonicalizeError, Limits, Operation, OperationError};

use crate::answer::Rejection;
use crate::rejection::RejectionKind;

/// Completes an operation by what one request says; see [`OperationLayer::describe`](crate::OperationLayer::describe).
pub(crate) type Describe = Arc<dyn Fn(Operation, Parts) -> Describing + Send + Sync>;

/// The operation of one request, as soon as it is known.
pub(crate) type Describing = Pin<Box<dyn Future<Output = Result<Operation, DescribeError>> + Send>>;

/// The operation of a request cannot be described: the request is refused, policy is not asked, nothing is signed.
///
/// The cause is for the program; it is neither logged nor answered, since a stranger may have written it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DescribeError(Kind);

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("request does not say what it is about")]
    Malformed(#[source] BoxError),
    #[error("what the request is about cannot be found out now")]
    Unavailable(#[source] BoxError),
    #[error("request is about nothing that can be named")]
    Resource(#[from] ResourceError),
    #[error("what is said about the request cannot be recorded")]
    Operation(#[source] OperationError),
}

impl DescribeError {
    /// The request does not say what it is about: 400 `request_undescribed`.
    pub fn malformed(cause: impl Into<BoxError>) -> Self {
        Self(Kind::Malformed(cause.into()))
    }

    /// What would tell, such as a database, is out of reach: 503 `description_unavailable`.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self(Kind::Unavailable(cause.into()))
    }
}

impl From<ResourceError> for DescribeError {
    fn from(error: ResourceError) -> Self {
        Self(error.into())
    }
}

impl From<CanonicalizeError> for DescribeError {
    /// What was read from the request has no one JSON form: 400 `request_undescribed`.
    fn from(error: CanonicalizeError) -> Self {
        Self::malformed(error)
    }
}

/// Checks what a description says: before policy is asked, and whatever the program thinks of a stranger's text.
pub(crate) fn check_description(operation: &Operation, limits: &Limits) -> Result<(), DescribeError> {
    operation.check(limits).map_err(|error| {
        if let OperationError::Resource(error) = error {
            error.into()
        } else {
            DescribeError(Kind::Operation(error))
        }
    })
}

/// Values that a request brought are the caller's fault, names that the program chose are its own.
fn of_description(error: OperationError) -> Rejection {
    let of_values = matches!(
        error,
        OperationError::Environment | OperationError::LabelValue | OperationError::TooManyLabels
    );
    let kind = if of_values { RejectionKind::RequestUndescribed } else { RejectionKind::NotSignable };
    Rejection::new(Step::Operation, kind).because(Some(error.kind()))
}

impl From<DescribeError> for Rejection {
    fn from(error: DescribeError) -> Self {
        let DescribeError(kind) = error;
        match kind {
            Kind::Malformed(_) => Self::new(Step::Operation, RejectionKind::RequestUndescribed),
            Kind::Unavailable(_) => Self::new(Step::Operation, RejectionKind::DescriptionUnavailable),
            Kind::Resource(error) => error.into(),
            Kind::Operation(error) => of_description(error),
        }
    }
}
