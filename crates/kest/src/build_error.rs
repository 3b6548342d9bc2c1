//! Why a service cannot be built: what was not said, and what no peer would believe.

use kest_core::signature::{KeyId, WorkloadId};

/// A [`Kest`](crate::Kest) cannot be built: something that has no default was not said, or its key is not one that is believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Whose entries it believes.
    #[error("no trusted keys: give .trust(..) a bundle, a key ring or a resolver")]
    NoTrust,
    /// The deployment's policies.
    #[error("no deployment policies: give .policies(..), or say .without_deployment_policies()")]
    NoPolicies,
    /// The trusted keys have other keys of the workload than the one that it signs with.
    #[error(
        "signing key is not among the trusted keys of its workload, add it to the bundle: {key} of {workload}"
    )]
    UntrustedKey {
        /// Who signs.
        workload: WorkloadId,
        /// With what.
        key: KeyId,
    },
    /// The trusted keys say that the key signs no more.
    #[error("signing key has ended by the trusted keys, sign with the next one: {key} of {workload}")]
    KeyEnded {
        /// Who signs.
        workload: WorkloadId,
        /// With what.
        key: KeyId,
    },
}
