//! Deletes what a log keeps no longer: recorded and sealed before, oldest first, and never from a log with a gap.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use kest_core::audit::AuditError;
use uuid::Uuid;

use crate::folder::{State, file_name};
use crate::json_lines::JsonLines;
use crate::read::Log;
use crate::recorder::Recorder;
use crate::report::Report;
use crate::tree::TreeHash;
use crate::verify::{LogVerifier, Removed};

/// Which files of a folder can go, and what has to be recorded before.
///
/// ```no_run
/// # use kest_audit::{JsonLines, LogVerifier, Pruning};
/// # async fn prune(log: &JsonLines, verifier: &LogVerifier<'_>, now: u64) -> Result<(), Box<dyn std::error::Error>> {
/// let two_years = 2 * 365 * 24 * 60 * 60 * 1000;
/// // Reads and verifies all of the log: off the threads of the runtime.
/// let pruning = tokio::task::block_in_place(|| Pruning::plan("/var/log/cart", verifier, now - two_years))?;
/// pruning.run(log).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Pruning {
    folder: PathBuf,
    old: OldParts,
}

/// Which parts of a log can go, wherever it lies: for a place that deletes them itself.
#[derive(Debug)]
#[must_use]
pub struct OldParts {
    parts: Vec<PrunedFile>,
    /// One for each part.
    removals: Vec<Removed>,
    /// Earlier ones, whose records go.
    again: Vec<Removed>,
}

/// A file that goes, or what another place calls the part.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrunedFile {
    /// Whose.
    pub writer: Uuid,
    /// Its number among those of its writer.
    pub number: u32,
    /// The number of its last record.
    pub through: u64,
    /// When that was written, in milliseconds since 1970 on the writer's clock.
    pub at: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Files cannot be deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The log has a gap: what is left of it is evidence of that.
    #[error("audit log has a gap, and is not pruned")]
    Gap(Box<Report>),
    /// The folder, or another place, cannot be read, or a file not deleted. What was deleted before is recorded.
    #[error("place of the audit log failed")]
    Folder(#[source] io::Error),
    /// The deletion cannot be recorded: nothing was deleted.
    #[error("deletion cannot be recorded")]
    Record(#[source] AuditError),
}

impl OldParts {
    /// Finds the parts of `log` whose records were all written before that time, in milliseconds since 1970, and which no other part
    /// of their writer stands before. The last part of a writer that lives stays.
    ///
    /// # Errors
    ///
    /// [`PruneError::Gap`] where `verifier` finds a fault, and [`PruneError::Folder`].
    pub fn of(log: &Log, verifier: &LogVerifier<'_>, before: u64) -> Result<Self, PruneError> {
        let (report, proved) = verifier.judge(log).map_err(PruneError::Folder)?;
        if !report.holds() {
            return Err(PruneError::Gap(Box::new(report)));
        }
        let mut old = Self { parts: Vec::new(), removals: Vec::new(), again: Vec::new() };
        for told in &report.writers {
            old.of_writer(log, told.writer, told.state, before).map_err(PruneError::Folder)?;
        }
        old.said_again(log, &proved).map_err(PruneError::Folder)?;
        Ok(old)
    }

    fn of_writer(&mut self, log: &Log, writer: Uuid, state: State, before: u64) -> io::Result<()> {
        let last = log.files_of(writer).max();
        for number in log.files_of(writer) {
            if state == State::Live && Some(number) == last {
                break;
            }
            let (mut end, mut bytes) = (None, 0);
            for raw in log.lines_from((writer, number), 0) {
                let raw = raw?;
                bytes += raw.bytes.len() + usize::from(raw.whole);
                // The last one may be torn.
                if let Some(line) = raw.whole.then(|| raw.read().ok()).flatten() {
                    end = Some((line.seq, line.at, TreeHash::of_line(&raw.bytes)));
                }
            }
            let Some((through, at, hash)) = end.filter(|(_, at, _)| *at < before) else { break };
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.parts.push(PrunedFile { writer, number, through, at, bytes });
            self.removals.push(Removed { writer, through, hash });
        }
        Ok(())
    }

    /// Deletions that were recorded in a part which goes now: what they explain is still missing.
    fn said_again(&mut self, log: &Log, proved: &[Removed]) -> io::Result<()> {
        let going: HashSet<(Uuid, u32)> = self.parts.iter().map(|part| (part.writer, part.number)).collect();
        if going.is_empty() {
            return Ok(());
        }
        // Each part is the first of its writer for a while, up to the first that stays: a run may be interrupted anywhere.
        let mut wanted: HashSet<(Uuid, Option<u64>)> = HashSet::new();
        for writer in log.writers() {
            for number in log.files_of(writer) {
                for raw in log.lines_from((writer, number), 0).take(1) {
                    let raw = raw?;
                    let Ok(line) = raw.read() else { continue };
                    wanted.insert((writer, line.seq.checked_sub(1)));
                    if let crate::record::Record::Start(start) = line.record {
                        wanted.extend(start.before.iter().map(|before| (before.writer, None)));
                    }
                }
                if !going.contains(&(writer, number)) {
                    break;
                }
            }
        }
        let present: HashSet<Uuid> = log.writers().collect();
        for it in proved {
            // Of a writer that is there by the record it goes on from; of one that is gone all that was said.
            let place = present.contains(&it.writer).then_some(it.through);
            let said = self.removals.contains(it) || self.again.contains(it);
            if wanted.contains(&(it.writer, place)) && !said {
                self.again.push(*it);
            }
        }
        Ok(())
    }

    /// The parts that can go, those of one writer in their order.
    #[must_use]
    pub fn parts(&self) -> &[PrunedFile] {
        &self.parts
    }

    /// Has `log`, which lies in the same place, record and seal again the earlier deletions that these parts alone say: before any
    /// of them is deleted.
    ///
    /// # Errors
    ///
    /// [`PruneError::Record`]: delete nothing then.
    pub async fn say_again(&self, log: &Recorder) -> Result<(), PruneError> {
        record(&self.again, log).await
    }
}

/// Each deletion by itself, so that the log has no gap between two of them.
async fn record(removals: &[Removed], log: &Recorder) -> Result<(), PruneError> {
    for it in removals {
        log.removed(it.writer, it.through, it.hash).await.map_err(PruneError::Record)?;
    }
    Ok(())
}

impl Pruning {
    /// Finds the files in `folder` that can go, as [`OldParts::of`] does of any log.
    ///
    /// # Errors
    ///
    /// [`PruneError::Gap`] where `verifier` finds a fault, and [`PruneError::Folder`].
    pub fn plan(
        folder: impl Into<PathBuf>,
        verifier: &LogVerifier<'_>,
        before: u64,
    ) -> Result<Self, PruneError> {
        let folder = folder.into();
        let log = Log::open(&folder).map_err(PruneError::Folder)?;
        Ok(Self { folder, old: OldParts::of(&log, verifier, before)? })
    }

    /// The files that go, those of one writer in their order.
    #[must_use]
    pub fn files(&self) -> &[PrunedFile] {
        self.old.parts()
    }

    /// Has `log`, which lies in the same folder, record and seal the deletions, and then deletes, oldest first. Wherever this is
    /// interrupted, the log verifies, and the next run goes on.
    ///
    /// # Errors
    ///
    /// [`PruneError::Record`], and then nothing was deleted; [`PruneError::Folder`] for a file that stays.
    pub async fn run(self, log: &JsonLines) -> Result<Vec<PrunedFile>, PruneError> {
        self.record(log).await?;
        for file in self.files() {
            delete(&self.folder, file)?;
        }
        // Names are gone for good when their folder is on the disk.
        #[cfg(unix)]
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(PruneError::Folder)?;
        Ok(self.old.parts)
    }

    async fn record(&self, log: &JsonLines) -> Result<(), PruneError> {
        if self.files().is_empty() {
            return Ok(());
        }
        record(&self.old.removals, log.recorder()).await?;
        self.old.say_again(log.recorder()).await
    }
}

/// One that is gone already was deleted by another run.
fn delete(folder: &Path, file: &PrunedFile) -> Result<(), PruneError> {
    match std::fs::remove_file(folder.join(file_name(file.writer, file.number))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PruneError::Folder(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "tests/prune.rs"]
mod tests;
