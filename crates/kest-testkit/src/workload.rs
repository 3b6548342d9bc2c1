//! Workloads by their first name, with keys that are the same in each run.

use std::sync::Arc;

use kest_core::signature::{Ed25519Signer, KeyId, KeyRing, WorkloadId};
use sha2::{Digest as _, Sha256};

use crate::fail::OrFail as _;

/// The workload called `name`: `spiffe://test.example/<name>`.
///
/// # Panics
///
/// When that is not a workload id.
#[must_use]
#[track_caller]
pub fn workload(name: &str) -> WorkloadId {
    WorkloadId::new(format!("{PREFIX}{name}")).or_fail("a workload's name")
}

/// The first name of a workload of this kit.
pub(crate) fn first_name(workload: &str) -> &str {
    workload.strip_prefix(PREFIX).unwrap_or(workload)
}

/// The seed of `name`'s key.
#[must_use]
pub fn seed(name: &str) -> [u8; 32] {
    Sha256::digest(format!("seed of {name}")).into()
}

/// The name of `name`'s key: `<name>-1`.
///
/// # Panics
///
/// When that is not a key id.
#[must_use]
#[track_caller]
pub fn key_id(name: &str) -> KeyId {
    KeyId::new(format!("{name}-1")).or_fail("a key id")
}

/// `name`'s signer, with the key of its [`seed`].
///
/// # Panics
///
/// When `name` is not a workload's name.
#[must_use]
#[track_caller]
pub fn signer(name: &str) -> Arc<Ed25519Signer> {
    let signer = Ed25519Signer::from_seed(workload(name), key_id(name), &seed(name));
    Arc::new(signer.or_fail("a key of a seed"))
}

/// A ring that trusts the workloads of these names.
///
/// # Panics
///
/// When one is not a workload's name.
#[must_use]
#[track_caller]
pub fn key_ring(names: impl IntoIterator<Item = impl AsRef<str>>) -> KeyRing {
    let mut ring = KeyRing::new();
    for name in names {
        ring.trust_signer(signer(name.as_ref()).as_ref()).or_fail("a key ring");
    }
    ring
}

const PREFIX: &str = "spiffe://test.example/";
