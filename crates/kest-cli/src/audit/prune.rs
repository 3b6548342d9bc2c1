//! `kest audit prune`: deletes old files or rows of a log, so that what is left verifies.

use std::sync::Arc;
use std::time::Duration;

use kest_audit::{Durability, JsonLines, Log, LogVerifier, OldParts, PruneError, PrunedFile, Pruning};
use kest_core::passport::VerifySettings;
use kest_core::signature::{Ed25519Signer, KeyRing, Sign as _};
use kest_core::{Clock as _, Limits, SystemClock, Verifier};
use serde::Serialize;

use super::flags::Prune;
use super::place::{Named, named, remove};
use super::{AuditError, open, ring};
use crate::failure::{Answer, Failure};
use crate::output::Output;

#[derive(Serialize)]
struct Told {
    writer: String,
    number: u32,
    through: u64,
    at: u64,
    bytes: u64,
}

/// Verifies, records, deletes, and says what went.
pub(crate) async fn run(flags: Prune) -> Result<Answer, Failure> {
    let ring = ring(&flags.keys).await?;
    let unusable = |cause| AuditError::Key(flags.key.clone(), Box::new(cause));
    let signer = Arc::new(Ed25519Signer::from_file(&flags.key).map_err(unusable)?);
    if !trusts(&ring, &signer) {
        return Err(AuditError::UntrustedKey.into());
    }
    // A place without a log is not made one.
    let log = open(&flags.log)?;
    let mut settings = VerifySettings::default();
    settings.dialect = flags.dialect.into();
    let verifier = LogVerifier::new(Verifier::with(settings), &ring);
    let days = flags.older_than.unwrap_or_default().saturating_mul(DAY);
    let before = flags.before.unwrap_or_else(|| SystemClock.unix_millis().saturating_sub(days));
    let Some(files) = prune(&flags, signer, &log, &verifier, before).await? else {
        crate::output::say("audit log has a gap and is not pruned: see kest audit verify");
        return Ok(Answer::No);
    };
    let mut output = Output::open();
    for file in &files {
        if flags.json {
            output.json(&told(file))?;
        } else {
            let PrunedFile { writer, number, through, bytes, .. } = file;
            output.line(&format!("{writer} file {number}: to record {through}, {bytes} bytes"))?;
        }
    }
    output.flush()?;
    Ok(Answer::Yes)
}

/// What went, or would go; `None` of a log with a gap.
async fn prune(
    flags: &Prune,
    signer: Arc<Ed25519Signer>,
    log: &Log,
    verifier: &LogVerifier<'_>,
    before: u64,
) -> Result<Option<Vec<PrunedFile>>, AuditError> {
    if let Named::Folder(folder) = named(&flags.log) {
        let Some(pruning) = unless_gap(Pruning::plan(folder, verifier, before))? else { return Ok(None) };
        if flags.dry_run || pruning.files().is_empty() {
            return Ok(Some(pruning.files().to_vec()));
        }
        let log = JsonLines::builder(folder, signer, Durability::Required);
        let log = log.limits(waiting()).open().map_err(AuditError::Open)?;
        let pruned = pruning.run(&log).await.map_err(AuditError::Prune)?;
        log.close().await.map_err(AuditError::Close)?;
        return Ok(Some(pruned));
    }
    let Some(old) = unless_gap(OldParts::of(log, verifier, before))? else { return Ok(None) };
    if !flags.dry_run && !old.parts().is_empty() {
        remove(&flags.log, signer, &old).await?;
    }
    Ok(Some(old.parts().to_vec()))
}

/// No operation waits for these records, and a disk or a database may be slow.
pub(super) fn waiting() -> Limits {
    let mut limits = Limits::default();
    limits.audit_wait = RECORD_WAIT;
    limits
}

fn unless_gap<Planned>(planned: Result<Planned, PruneError>) -> Result<Option<Planned>, AuditError> {
    match planned {
        Err(PruneError::Gap(_)) => Ok(None),
        planned => planned.map(Some).map_err(AuditError::Prune),
    }
}

fn trusts(ring: &KeyRing, signer: &Ed25519Signer) -> bool {
    let key = signer.current();
    let ended = ring.not_after(key.key_id()).is_some_and(|end| end.has_passed(SystemClock.unix_millis()));
    ring.key(key.workload(), key.key_id()) == Some(key.public_key()) && !ended
}

fn told(file: &PrunedFile) -> Told {
    Told {
        writer: file.writer.to_string(),
        number: file.number,
        through: file.through,
        at: file.at,
        bytes: file.bytes,
    }
}

const DAY: u64 = 24 * 60 * 60 * 1000;
/// Time for one record of a deletion.
const RECORD_WAIT: Duration = Duration::from_secs(30);
