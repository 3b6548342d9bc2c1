//! Verifies audit logs of ten thousand to a million records and prints, as JSON, what that allocated at its peak.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use kest::audit::{Durability, JsonLines, Log, LogVerifier};
use kest::core::{Admitter, Audit, BoxError, Verifier, policy::policy_fn};
use kest::{Ed25519Signer, KeyRing, Limits, Operation, Origin, OsRandom, WorkloadId, dangerous_allow_all};
use serde_json::json;

fn main() -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signer = Arc::new(Ed25519Signer::generate(WorkloadId::new("cart")?, &OsRandom)?);
    let mut ring = KeyRing::new();
    ring.trust_signer(signer.as_ref())?;
    let mut rows = Vec::new();
    for records in [10_000, 100_000, 1_000_000] {
        let folder = tempfile::tempdir()?;
        runtime.block_on(write(folder.path(), &signer, records))?;
        let log = Log::open(folder.path())?;
        let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
        let mut verified = None;
        let counted = allocation_counter::measure(|| verified = Some(verifier.verify(&log, |_bytes| ())));
        let report = verified.ok_or("nothing was verified")??;
        if !report.holds() || report.records() < records {
            return Err(format!("log of {records} records does not hold: {:?}", report.faults).into());
        }
        rows.push(json!({
            "records": report.records(), "entries": report.entries(), "peak_bytes": counted.bytes_max,
        }));
    }
    writeln!(std::io::stdout(), "{}", json!(rows))?;
    Ok(())
}

/// As many entries as a reader looks back at, and then mostly refusals, whatever the number of records.
async fn write(folder: &Path, signer: &Arc<Ed25519Signer>, records: u64) -> Result<(), BoxError> {
    let signer = Arc::<Ed25519Signer>::clone(signer);
    let mut limits = Limits::default();
    limits.audit_waiting = WAITING;
    limits.audit_refusals_a_second = usize::MAX;
    let log = JsonLines::builder(folder, Arc::<Ed25519Signer>::clone(&signer), Durability::BestEffort);
    let log = Arc::new(log.limits(limits).open()?);
    let shared: Arc<dyn Audit> = Arc::<JsonLines>::clone(&log);
    let service = Admitter::builder(signer).audit(shared).build();
    let operation = Operation::named("reserve_stock")?;
    let never = policy_fn("never", |_asked| false)?;
    let mut written = 0;
    while written < records {
        let entry = written < 2 * WINDOW || written % ENTRY_EACH < 2;
        if entry {
            service.originate(Origin::system(), &operation, &dangerous_allow_all()).await?;
        } else if service.originate(Origin::system(), &operation, &never).await.is_ok() {
            return Err("what no policy allows was done".into());
        }
        // An entry has an end, which is a record too.
        written += if entry { 2 } else { 1 };
    }
    Ok(log.close().await?)
}

/// More entries than a reader looks back at.
const WINDOW: u64 = 4_500;
const ENTRY_EACH: u64 = 50;
const WAITING: usize = 1 << 21;
