//! One service with a log in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kest_audit::{Durability, JsonLines, Log, LogVerifier, Report};
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyId, KeyRing, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admission, Admitter, Audit, Limits, Operation, Verifier};
use tempfile::TempDir;

pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) log: Arc<JsonLines>,
    pub(crate) service: Admitter,
}

pub(crate) fn signer(name: &str) -> Arc<Ed25519Signer> {
    let workload = WorkloadId::new(format!("spiffe://example.org/{name}")).unwrap();
    let seed = [u8::try_from(name.len()).unwrap(); 32];
    Arc::new(Ed25519Signer::from_seed(workload, KeyId::new(name).unwrap(), &seed).unwrap())
}

pub(crate) fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    for name in ["cart", "gateway"] {
        ring.trust_signer(signer(name).as_ref()).unwrap();
    }
    ring
}

/// However slow the machine is that tests run on.
pub(crate) fn patient() -> Limits {
    let mut limits = Limits::default();
    limits.audit_wait = std::time::Duration::from_secs(60);
    limits
}

/// A log in `folder`, and a service that writes it.
pub(crate) fn begin(folder: &Path, durability: Durability, segment_bytes: u64) -> (Arc<JsonLines>, Admitter) {
    let builder = JsonLines::builder(folder, signer("cart"), durability).segment_bytes(segment_bytes);
    let log = Arc::new(builder.limits(patient()).open().unwrap());
    let shared: Arc<dyn Audit> = Arc::<JsonLines>::clone(&log);
    let service = Admitter::builder(signer("cart")).audit(shared).build();
    (log, service)
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Durability::Required, u64::MAX)
    }

    pub(crate) fn with(durability: Durability, segment_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (log, service) = begin(folder.path(), durability, segment_bytes);
        Self { folder, log, service }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

pub(crate) async fn operate(service: &Admitter, name: &'static str) -> Admission {
    let operation = Operation::named(name).unwrap();
    service.originate(Origin::system(), &operation, &dangerous_allow_all()).await.unwrap()
}

pub(crate) fn verify(folder: &Path) -> Report {
    verify_with(folder, None)
}

/// As one who kept this checkpoint.
pub(crate) fn verify_with(folder: &Path, note: Option<&str>) -> Report {
    let ring = ring();
    let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
    let verifier = note.into_iter().fold(verifier, LogVerifier::checkpoint);
    verifier.verify(&Log::open(folder).unwrap(), |_bytes| ()).unwrap()
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The kinds of all faults.
pub(crate) fn kinds(report: &Report) -> Vec<&'static str> {
    report.faults.iter().map(|fault| fault.kind.as_str()).collect()
}
