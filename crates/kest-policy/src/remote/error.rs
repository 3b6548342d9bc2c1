//! What can be wrong before the first question is asked.

use kest_core::BoxError;
use kest_core::entry::{NameError, PolicyName};
use kest_http::EndpointError;

/// The adapter of a sidecar engine cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteConfigError {
    /// The address is not an absolute URI with a host.
    #[error("engine address is malformed")]
    Malformed(#[source] BoxError),
    /// The address has another scheme than https or http.
    #[error("engine address is neither https nor http")]
    Scheme,
    /// User name or password in the address would end up in places that are not meant for secrets.
    #[error("engine address carries credentials")]
    Credentials,
    /// The address has a query or a fragment, below which nothing can lie.
    #[error("engine address has a query or a fragment")]
    QueryOrFragment,
    /// Plain http to another machine lets anyone on the way answer yes.
    #[error("engine address is plain http to another machine")]
    PlainHttp,
    /// No policy is named, so that nothing could be asked.
    #[error("no policy of the engine is named")]
    NoPolicy,
    /// A policy has a malformed name.
    #[error("name of a policy is not usable")]
    Name(#[source] NameError),
    /// A part of the name between slashes is empty, `.` or `..`: it would lead out of the tree of policies.
    #[error("policy cannot be asked for by its name as a path: {0}")]
    Path(PolicyName),
    /// The path to the decision has an empty part.
    #[error("decision path has an empty part")]
    DecisionPath,
    /// The secret is empty, too long or not printable ASCII.
    #[error("secret cannot stand in a header")]
    Secret,
    /// The machine offers no TLS.
    #[error("http client could not be made")]
    Client(#[source] BoxError),
}

impl From<EndpointError> for RemoteConfigError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Malformed(cause) => Self::Malformed(cause),
            EndpointError::Scheme => Self::Scheme,
            EndpointError::Credentials => Self::Credentials,
            EndpointError::PlainHttp => Self::PlainHttp,
            // Only what a server publishes can lead inward; no server publishes an engine.
            EndpointError::PrivateAddress => Self::Malformed(Box::new(error)),
            other => Self::Malformed(Box::new(other)),
        }
    }
}

/// A sidecar engine cannot be used from the start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The adapter cannot be built.
    #[error("remote engine is not configured")]
    Config(#[from] RemoteConfigError),
    /// The engine answers and does not have the policy.
    #[error("policy is not known to the engine: {0}")]
    UnknownPolicy(PolicyName),
    /// The engine did not answer usefully within `Limits::policy_wait`.
    #[error("policy engine did not answer")]
    Unavailable(#[source] BoxError),
}
