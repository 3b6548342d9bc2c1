//! Checks a whole log: that nothing is missing, changed or too much, and that every entry in it holds.

use std::collections::{BTreeMap, HashMap};
use std::io;

use kest_core::Verifier;
use kest_core::signature::{KeyRing, WorkloadId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::note::Checkpoint;
use crate::position::Position;
use crate::read::Log;
use crate::record::Record;
use crate::report::{Fault, FaultKind, Report};
use crate::resume::Verified;
use crate::tree::{Edge, TreeHash};
use crate::walk::Walk;

/// By what a log is judged.
#[derive(Debug)]
#[must_use]
pub struct LogVerifier<'it> {
    verifier: Verifier,
    ring: &'it KeyRing,
    notes: Vec<String>,
}

/// What is known of writers from elsewhere: which record each had at which place.
#[derive(Debug, Default)]
pub(crate) struct Witnessed {
    /// By writer, by number: the hash of the record.
    pub(crate) records: HashMap<Uuid, BTreeMap<u64, TreeHash>>,
    /// By writer, by size: the root, of checkpoints that the reader kept.
    pub(crate) roots: HashMap<Uuid, BTreeMap<u64, TreeHash>>,
}

impl Witnessed {
    /// Whether others saw the record that `removed` names, where any saw one there.
    fn admits(&self, removed: &Removed) -> bool {
        let seen = self.records.get(&removed.writer).and_then(|records| records.get(&removed.through));
        seen.is_none_or(|seen| *seen == removed.hash)
    }

    /// Whether others saw this record and the tree before it, where any saw one there.
    pub(crate) fn admits_record(&self, writer: Uuid, edge: &Edge, hash: TreeHash) -> bool {
        let seen = self.records.get(&writer).and_then(|records| records.get(&edge.size()));
        let root = self.roots.get(&writer).and_then(|roots| roots.get(&edge.size()));
        seen.is_none_or(|seen| *seen == hash) && root.is_none_or(|root| *root == edge.root())
    }
}

/// A writer's files that were deleted in order, as a sealed record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Removed {
    pub(crate) writer: Uuid,
    pub(crate) through: u64,
    pub(crate) hash: TreeHash,
}

impl<'it> LogVerifier<'it> {
    /// Entries are judged by `verifier`, under the keys of `ring`, which seal checkpoints too: those that are trusted now and
    /// those that were trusted while the log was written.
    pub fn new(verifier: Verifier, ring: &'it KeyRing) -> Self {
        Self { verifier, ring, notes: Vec::new() }
    }

    /// Demands that the log has what `note` seals: a checkpoint that was kept elsewhere, so that nothing before it can be cut
    /// off.
    pub fn checkpoint(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Reads all of `log`, and says what is wrong. `progress` hears how many bytes were read.
    ///
    /// Memory holds the last [`PARENT_WINDOW`](crate::PARENT_WINDOW) entries, however long the log is.
    ///
    /// # Errors
    ///
    /// When a file cannot be read: then nothing is said about the log.
    pub fn verify(&self, log: &Log, progress: impl FnMut(u64)) -> io::Result<Report> {
        self.resume(log, &mut Verified::default(), progress, |_verified| ())
    }

    /// As [`verify`](Self::verify), and goes on from what was `verified` before: of that the hashes are compared, which takes a small
    /// part of the time. `keep` hears each time that it has grown, so that a run that is interrupted can be gone on with.
    ///
    /// The unit is a part, which is a file: of the last one of a writer that may still write all is judged again.
    ///
    /// # Errors
    ///
    /// When a file cannot be read: then nothing is said about the log.
    pub fn resume(
        &self,
        log: &Log,
        verified: &mut Verified,
        progress: impl FnMut(u64),
        keep: impl FnMut(&Verified),
    ) -> io::Result<Report> {
        Ok(self.run(log, verified, progress, keep)?.0)
    }

    /// With all deletions in it that are sealed.
    pub(crate) fn judge(&self, log: &Log) -> io::Result<(Report, Vec<Removed>)> {
        self.run(log, &mut Verified::default(), |_bytes| (), |_verified| ())
    }

    fn run(
        &self,
        log: &Log,
        verified: &mut Verified,
        mut progress: impl FnMut(u64),
        mut keep: impl FnMut(&Verified),
    ) -> io::Result<(Report, Vec<Removed>)> {
        verified.keep(self.rules(), log);
        let mut report = Report::default();
        let mut witnessed = Witnessed::default();
        let mut services: HashMap<Uuid, WorkloadId> = HashMap::new();
        for writer in log.writers() {
            if let Some(service) = starts(log, writer, &mut witnessed, &mut report)? {
                services.insert(writer, service);
            }
        }
        self.kept_checkpoints(&services, &mut witnessed, &mut report);
        let mut removed: Vec<Removed> = Vec::new();
        let mut heads = Vec::new();
        for writer in log.writers() {
            let (reached, mut read) = verified.reached(log, writer, &witnessed, &mut progress)?;
            // What is read again, to be judged, was counted.
            let mut progress = |bytes: u64| {
                let again = bytes.min(read);
                read -= again;
                progress(bytes - again);
            };
            let at = reached.unwrap_or_else(|| Position::new(writer, services.get(&writer)));
            let walk = Walk::new(at, &self.verifier, self.ring, &witnessed);
            let walked = walk.run(log, &mut report, &mut progress, |at| {
                verified.part(at);
                keep(verified);
            })?;
            verified.end(writer, walked.end);
            keep(verified);
            report.writers.push(walked.told);
            removed.extend(walked.removed);
            heads.extend(walked.head.map(|head| (writer, head)));
        }
        for (writer, head) in heads {
            let in_order = removed.iter().filter(|it| it.writer == writer).any(|it| {
                it.through.checked_add(1) == Some(head.edge.size())
                    && it.hash == head.before
                    && witnessed.admits(it)
            });
            if !in_order {
                report.fault(Fault::of(writer, 0, FaultKind::FirstMissing));
                if let Some(found) = report.writers.iter_mut().find(|it| it.writer == writer) {
                    found.answer = crate::report::Answer::Gap;
                }
            }
        }
        let present: Vec<Uuid> = log.writers().collect();
        let seen = witnessed.records.iter().map(|(writer, records)| (*writer, records.keys().max()));
        let seen = seen.chain(witnessed.roots.iter().map(|(writer, roots)| (*writer, roots.keys().max())));
        for (writer, last) in seen.filter(|(writer, _)| !present.contains(writer)) {
            let mut removals = removed.iter().filter(|it| it.writer == writer);
            let deleted = removals.any(|it| Some(&it.through) >= last && witnessed.admits(it));
            if !deleted {
                report.fault(Fault::of(writer, 0, FaultKind::WriterMissing));
            }
        }
        Ok((report, removed))
    }

    /// A digest of all that it goes by.
    fn rules(&self) -> TreeHash {
        let mut keys: Vec<String> = self
            .ring
            .keys()
            .map(|(workload, id, key)| format!("{workload:?} {id:?} {key:?} {:?}", self.ring.not_after(id)))
            .collect();
        keys.sort_unstable();
        let rules = format!("{} {:?} {keys:?}", env!("CARGO_PKG_VERSION"), self.verifier.settings());
        TreeHash::of_line(rules.as_bytes())
    }

    /// The checkpoints that the reader kept, where they hold.
    fn kept_checkpoints(
        &self,
        services: &HashMap<Uuid, WorkloadId>,
        witnessed: &mut Witnessed,
        report: &mut Report,
    ) {
        for note in &self.notes {
            let writer = Checkpoint::claimed_writer(note).unwrap_or_default();
            // Of a writer that is gone any trusted workload may have sealed it.
            let of_log = services.get(&writer).into_iter();
            let any = self.ring.keys().map(|(workload, ..)| workload);
            let held =
                of_log.chain(any).find_map(|service| Checkpoint::verify(note, service, self.ring).ok());
            match held {
                Some(kept) => {
                    let roots = witnessed.roots.entry(kept.writer).or_default();
                    if *roots.entry(kept.size).or_insert(kept.root) != kept.root {
                        report.fault(Fault::of(kept.writer, kept.size, FaultKind::CheckpointDiffers));
                    }
                }
                None => report.fault(Fault::of(writer, 0, FaultKind::CheckpointInvalid)),
            }
        }
    }
}

impl Fault {
    pub(crate) fn of(writer: Uuid, seq: u64, kind: FaultKind) -> Self {
        Self { writer, seq, kind, cause: None, place: None }
    }
}

/// What the first record of a writer says of itself and of others.
fn starts(
    log: &Log,
    writer: Uuid,
    witnessed: &mut Witnessed,
    report: &mut Report,
) -> io::Result<Option<WorkloadId>> {
    let Some(first) = log.lines_of(writer).next().transpose()? else { return Ok(None) };
    let Ok(line) = first.read() else { return Ok(None) };
    let Record::Start(start) = line.record else { return Ok(None) };
    for before in &start.before {
        if let Some(hash) = TreeHash::from_hex(&before.hash) {
            let records = witnessed.records.entry(before.writer).or_default();
            // Of two that saw different records one is forged: neither speaks for the other.
            if *records.entry(before.seq).or_insert(hash) != hash {
                report.fault(Fault::of(before.writer, before.seq, FaultKind::Changed));
            }
        }
    }
    Ok(WorkloadId::new(start.service.into_owned()).ok())
}
