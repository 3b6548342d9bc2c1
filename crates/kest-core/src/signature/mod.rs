//! Keys: who may sign for whom, and how a signature is made and checked.

mod bundle;
mod ed25519;
mod key_ring;
mod not_after;
mod private_file;
mod sign;
mod succession;
#[cfg(test)]
mod tests;

pub use crate::name::{KeyId, WorkloadId};
pub use bundle::{Bundle, BundleError, SkipReason};
pub use ed25519::{Ed25519Signer, KeyFileError, PublicKey, Signature, WeakKey};
pub use key_ring::{KeyRing, KeyRingError, KeysUnavailable, ReplaceableKeys, ResolveKeys};
pub use not_after::{NotATime, NotAfter};
pub use private_file::{PrivateFileError, read_private_file};
pub use sign::{OtherWorkload, ReplaceableSigner, Sign, SignatureCheck, SignerError, SigningKey};
pub use succession::NoSuccessor;
