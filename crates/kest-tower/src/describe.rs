//! Says of each request what its operation is about, where that takes more than a look at the address.

use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;
use kest_core::entry::ResourceError;
use kest_core::refusal::Step;
use kest_core::{BoxError, Operation};

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

impl From<DescribeError> for Rejection {
    fn from(error: DescribeError) -> Self {
        let DescribeError(kind) = error;
        match kind {
            Kind::Malformed(_) => Self::new(Step::Operation, RejectionKind::RequestUndescribed),
            Kind::Unavailable(_) => Self::new(Step::Operation, RejectionKind::DescriptionUnavailable),
            Kind::Resource(error) => error.into(),
        }
    }
}
