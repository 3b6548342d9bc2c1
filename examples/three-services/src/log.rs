//! The audit log of the demonstration: each service keeps one, and at the end all of it is read again and proved.

use std::io::{self, Write};
use std::sync::Arc;

use kest::audit::{Durability, JsonLines, Log, LogVerifier, Recorder, Report};
use kest::core::BoxError;
use kest::{Ed25519Signer, KeyRing, Limits, Verifier};
use tempfile::TempDir;

/// One folder in which every service of the chain has files of its own; it goes with the demonstration.
#[derive(Debug)]
pub(crate) struct Logs {
    folder: TempDir,
    open: Vec<Arc<Recorder>>,
}

impl Logs {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { folder: TempDir::with_prefix("kest-demonstration-")?, open: Vec::new() })
    }

    /// The log of one more service.
    pub(crate) fn of(
        &mut self,
        signer: &Arc<Ed25519Signer>,
        limits: &Limits,
    ) -> Result<Arc<Recorder>, BoxError> {
        let signer = Arc::<Ed25519Signer>::clone(signer);
        let log = JsonLines::builder(self.folder.path(), signer, Durability::Required);
        let log = Arc::new(Recorder::from(log.limits(limits.clone()).open()?));
        self.open.push(Arc::clone(&log));
        Ok(log)
    }

    /// Ends every log in order, and reads all of them as an auditor does.
    pub(crate) async fn judged(&self, ring: &KeyRing) -> Result<Report, BoxError> {
        for log in &self.open {
            log.close().await?;
        }
        let log = Log::open(self.folder.path())?;
        Ok(LogVerifier::new(Verifier::new(Limits::default()), ring).verify(&log, |_bytes| ())?)
    }
}

/// One line for people.
pub(crate) fn tell(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let verdict = if report.holds() { "complete, nothing changed" } else { "NOT complete" };
    writeln!(
        out,
        "\nAudit log of {} services: {} records, {} entries verified: {verdict}",
        report.writers.len(),
        report.records(),
        report.entries()
    )
}
