//! Checks a whole log: that nothing is missing, changed or too much, and that every entry in it holds.

use std::collections::{BTreeMap, HashMap};
use std::io;

use kest_core::Verifier;
use kest_core::signature::{KeyRing, WorkloadId};
use uuid::Uuid;

use crate::note::Checkpoint;
use crate::read::Log;
use crate::record::Record;
use crate::report::{Fault, FaultKind, Report};
use crate::tree::TreeHash;
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
    fn admits(&self, writer: Uuid, removed: &Removed) -> bool {
        let seen = self.records.get(&writer).and_then(|records| records.get(&removed.through));
        seen.is_none_or(|seen| *seen == removed.hash)
    }
}

/// A writer's files that were deleted in order, as a sealed record says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Removed {
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
    pub fn verify(&self, log: &Log, mut progress: impl FnMut(u64)) -> io::Result<Report> {
        let mut report = Report::default();
        let mut witnessed = Witnessed::default();
        let mut services: HashMap<Uuid, WorkloadId> = HashMap::new();
        for writer in log.writers() {
            if let Some(service) = starts(log, writer, &mut witnessed, &mut report)? {
                services.insert(writer, service);
            }
        }
        self.kept_checkpoints(&services, &mut witnessed, &mut report);
        let mut removed: HashMap<Uuid, Vec<Removed>> = HashMap::new();
        let mut firsts = Vec::new();
        for writer in log.writers() {
            let walk = Walk::new(writer, &self.verifier, self.ring, &witnessed, services.get(&writer));
            let walked = walk.run(log, &mut report, &mut removed, &mut progress)?;
            firsts.extend(walked);
        }
        for (writer, first, before) in firsts {
            let in_order = removed.get(&writer).into_iter().flatten().any(|it| {
                it.through.checked_add(1) == Some(first) && it.hash == before && witnessed.admits(writer, it)
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
            let mut removals = removed.get(&writer).into_iter().flatten();
            let deleted = removals.any(|it| Some(&it.through) >= last && witnessed.admits(writer, it));
            if !deleted {
                report.fault(Fault::of(writer, 0, FaultKind::WriterMissing));
            }
        }
        Ok(report)
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
