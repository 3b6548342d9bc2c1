//! One writer's records from the first to the last: what follows what, what is sealed, what holds.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use kest_core::Verifier;
use kest_core::entry::{Entry, EntryHash};
use kest_core::passport::VerifyErrorKind;
use kest_core::signature::{KeyRing, WorkloadId};
use uuid::Uuid;

use crate::chain::Window;
use crate::folder::State;
use crate::note::Checkpoint;
use crate::read::{Log, RawLine};
use crate::record::{Line, Record};
use crate::report::{Answer, Fault, FaultKind, Report, WriterReport};
use crate::tree::{Edge, TreeHash};
use crate::verify::{Removed, Witnessed};

#[derive(Debug)]
pub(crate) struct Walk<'it> {
    verifier: &'it Verifier,
    ring: &'it KeyRing,
    witnessed: &'it Witnessed,
    /// Whose log it is: as its start says, or else its first checkpoint.
    service: Option<WorkloadId>,
    told: WriterReport,
    /// The number of the next record; `None` before the first.
    next: Option<u64>,
    /// The hash of the record before, where it is known.
    before: Option<TreeHash>,
    /// The tree over all records so far, unless one of them is missing or changed.
    edge: Option<Edge>,
    unsealed: u64,
    /// Deletions that no checkpoint behind them has proved yet.
    pending: Vec<(Uuid, Removed)>,
    entries: Window<Arc<Entry>>,
    faults: Vec<Fault>,
    last_end: bool,
}

/// A writer whose first records are not there: the number of the first that is, and the hash that it follows.
pub(crate) type Headless = (Uuid, u64, TreeHash);

impl<'it> Walk<'it> {
    pub(crate) fn new(
        writer: Uuid,
        verifier: &'it Verifier,
        ring: &'it KeyRing,
        witnessed: &'it Witnessed,
        service: Option<&'it WorkloadId>,
    ) -> Self {
        let told = WriterReport {
            writer,
            service: service.map(|service| service.as_str().to_owned()),
            answer: Answer::Complete,
            first: 0,
            last: 0,
            sealed: 0,
            state: State::Crashed,
            torn: 0,
            records: 0,
            entries: 0,
            lost: 0,
        };
        Self {
            verifier,
            ring,
            witnessed,
            service: service.cloned(),
            told,
            next: None,
            before: None,
            edge: None,
            unsealed: 0,
            pending: Vec::new(),
            entries: Window::default(),
            faults: Vec::new(),
            last_end: false,
        }
    }

    /// Reads all of it.
    pub(crate) fn run(
        mut self,
        log: &Log,
        report: &mut Report,
        removed: &mut HashMap<Uuid, Vec<Removed>>,
        progress: &mut impl FnMut(u64),
    ) -> io::Result<Option<Headless>> {
        let writer = self.told.writer;
        let mut headless = None;
        for number in log.files_of(writer) {
            self.torn_before_more();
            for raw in log.lines_from((writer, number), 0) {
                let raw = raw?;
                progress(u64::try_from(raw.bytes.len()).unwrap_or_default() + 1);
                self.torn_before_more();
                if !raw.whole {
                    self.told.torn = u64::try_from(raw.bytes.len()).unwrap_or(u64::MAX);
                    continue;
                }
                if self.next.is_none() && number > 1 {
                    headless = self.begin_headless(&raw);
                }
                self.line(&raw, removed);
                for fault in self.faults.drain(..) {
                    report.fault(Fault { place: Some((Arc::clone(&raw.file), raw.number)), ..fault });
                    self.told.answer = Answer::Gap;
                }
            }
        }
        self.finish(log.state_of(writer)?);
        for fault in self.faults.drain(..) {
            report.fault(fault);
            self.told.answer = Answer::Gap;
        }
        if headless.is_some() && self.told.answer == Answer::Complete {
            self.told.answer = Answer::UnknownBefore;
        }
        report.writers.push(self.told);
        Ok(headless)
    }

    /// A torn line is the last thing that a writer leaves.
    fn torn_before_more(&mut self) {
        if self.told.torn > 0 {
            self.told.torn = 0;
            self.fault(self.next.unwrap_or_default(), FaultKind::Torn);
        }
    }

    /// Takes the first record that is there at its word about what was before it; a checkpoint behind it proves that word.
    fn begin_headless(&mut self, raw: &RawLine) -> Option<Headless> {
        let line = raw.read().ok()?;
        let before = line.previous()?;
        let Record::Segment { edge, .. } = &line.record else { return None };
        let nodes = edge.iter().map(|node| TreeHash::from_hex(node)).collect::<Option<Vec<_>>>()?;
        // Without it no root could ever be compared.
        self.edge = Some(Edge::new(line.seq, nodes)?);
        (self.next, self.before) = (Some(line.seq), Some(before));
        self.told.first = line.seq;
        Some((self.told.writer, line.seq, before))
    }

    fn fault(&mut self, seq: u64, kind: FaultKind) {
        self.faults.push(Fault::of(self.told.writer, seq, kind));
    }

    fn line(&mut self, raw: &RawLine, removed: &mut HashMap<Uuid, Vec<Removed>>) {
        let expected = match self.next {
            Some(next) => next,
            None => {
                (self.before, self.edge) = (Some(TreeHash::NOTHING), Some(Edge::default()));
                0
            }
        };
        let hash = TreeHash::of_line(&raw.bytes);
        let line = match raw.read() {
            Ok(line) if line.writer == self.told.writer => line,
            other => {
                let kind = if other.is_ok() { FaultKind::Foreign } else { FaultKind::Malformed };
                self.fault(expected, kind);
                (self.next, self.before) = (Some(expected.saturating_add(1)), None);
                self.lose_edge();
                return;
            }
        };
        if line.seq < expected {
            self.fault(line.seq, FaultKind::Repeated);
            self.lose_edge();
            return;
        }
        if line.seq > expected {
            self.fault(expected, FaultKind::Missing);
            self.lose_edge();
        } else if self.before.is_some_and(|before| line.previous() != Some(before)) {
            self.fault(expected.saturating_sub(1), FaultKind::Changed);
            self.lose_edge();
        }
        self.witness(line.seq, hash);
        self.record(&line, removed);
        if let Some(edge) = &mut self.edge {
            edge.push(hash);
        }
        (self.next, self.before) = (Some(line.seq.saturating_add(1)), Some(hash));
        (self.told.last, self.told.records) = (line.seq, self.told.records + 1);
    }

    /// After a fault no root over all records is known, and what was not sealed before it never will be.
    fn lose_edge(&mut self) {
        self.edge = None;
        self.pending.clear();
    }

    /// Compares with what others saw of this record, and of the tree before it.
    fn witness(&mut self, seq: u64, hash: TreeHash) {
        let writer = self.told.writer;
        let recorded = self.witnessed.records.get(&writer).and_then(|records| records.get(&seq));
        if recorded.is_some_and(|recorded| *recorded != hash) {
            self.fault(seq, FaultKind::Changed);
        }
        self.witness_root();
    }

    fn witness_root(&mut self) {
        let Some(edge) = &self.edge else { return };
        let roots = self.witnessed.roots.get(&self.told.writer);
        if roots.and_then(|roots| roots.get(&edge.size())).is_some_and(|root| *root != edge.root()) {
            let size = edge.size();
            self.fault(size, FaultKind::CheckpointDiffers);
        }
    }

    fn record(&mut self, line: &Line<'_>, removed: &mut HashMap<Uuid, Vec<Removed>>) {
        let sealing = matches!(line.record, Record::Checkpoint { .. });
        if (line.seq == 0) != matches!(line.record, Record::Start(_)) || self.last_end && !sealing {
            self.fault(line.seq, FaultKind::Misplaced);
        }
        self.last_end |= matches!(line.record, Record::End {});
        // What is carried comes in any number before the one that follows it.
        self.unsealed += u64::from(!matches!(line.record, Record::Carried { .. }));
        if self.unsealed == MOST_UNSEALED {
            self.fault(line.seq, FaultKind::Unsealed);
        }
        match &line.record {
            Record::Signed { entry } | Record::Carried { entry } => self.entry(line.seq, entry),
            Record::Checkpoint { note } => self.checkpoint(line.seq, note, removed),
            Record::Segment { edge, .. } => self.segment(line.seq, edge),
            Record::Removed { hash, through, writer } => {
                let hash = TreeHash::from_hex(hash);
                self.pending.extend(hash.map(|hash| (*writer, Removed { through: *through, hash })));
            }
            Record::Lost { finished, refused, signed } => {
                let lost = finished.saturating_add(*refused).saturating_add(*signed);
                self.told.lost = self.told.lost.saturating_add(lost);
            }
            Record::Start(_)
            | Record::Refused(_)
            | Record::Finished { .. }
            | Record::InForce { .. }
            | Record::End {} => {}
        }
    }

    fn entry(&mut self, seq: u64, compact: &str) {
        let parent = |hash: &EntryHash| self.entries.get(hash).cloned();
        match self.verifier.verify_next(compact, self.ring, parent) {
            Ok(entry) => {
                self.told.entries += 1;
                self.entries.add(entry.hash(), entry);
            }
            Err(VerifyErrorKind::BrokenLink) => self.fault(seq, FaultKind::ParentMissing),
            Err(kind) => {
                let cause = Some(kind.as_str());
                self.faults
                    .push(Fault { cause, ..Fault::of(self.told.writer, seq, FaultKind::EntryInvalid) });
            }
        }
    }

    fn checkpoint(&mut self, seq: u64, note: &str, removed: &mut HashMap<Uuid, Vec<Removed>>) {
        // Without a start the log does not say whose it is: any workload whose key is trusted may be, and no other after it.
        let own = self.service.as_ref();
        let any = self.ring.keys().map(|(workload, ..)| workload).filter(|_| own.is_none());
        let mut services = own.into_iter().chain(any);
        let held = services.find_map(|service| Checkpoint::verify(note, service, self.ring).ok());
        let Some(checkpoint) = held.filter(|it| it.writer == self.told.writer) else {
            self.fault(seq, FaultKind::CheckpointInvalid);
            return;
        };
        self.told.service.get_or_insert_with(|| checkpoint.service.as_str().to_owned());
        self.service.get_or_insert_with(|| checkpoint.service.clone());
        // What it seals is not known after a fault: then it seals nothing.
        let Some(edge) = &self.edge else { return };
        if (checkpoint.size, checkpoint.root) == (edge.size(), edge.root()) {
            (self.told.sealed, self.unsealed) = (checkpoint.size, 0);
            for (writer, new) in self.pending.drain(..) {
                removed.entry(writer).or_default().push(new);
            }
        } else {
            self.fault(seq, FaultKind::CheckpointDiffers);
        }
    }

    /// After something went missing the tree goes on from what the next file says of it.
    fn segment(&mut self, seq: u64, nodes: &[std::borrow::Cow<'_, str>]) {
        let nodes: Option<Vec<_>> = nodes.iter().map(|node| TreeHash::from_hex(node)).collect();
        let Some(said) = nodes.and_then(|nodes| Edge::new(seq, nodes)) else {
            self.fault(seq, FaultKind::Malformed);
            return;
        };
        match &self.edge {
            Some(edge) if *edge != said => self.fault(seq, FaultKind::CheckpointDiffers),
            Some(_) => {}
            None => self.edge = Some(said),
        }
    }

    fn finish(&mut self, state: Option<State>) {
        self.told.state = if self.last_end { State::Ended } else { state.unwrap_or(State::Crashed) };
        self.witness_root();
        let next = self.next.unwrap_or_default();
        let writer = self.told.writer;
        let most = |seen: Option<u64>| seen.unwrap_or_default();
        let recorded = self.witnessed.records.get(&writer).and_then(|records| records.keys().max().copied());
        let sealed = self.witnessed.roots.get(&writer).and_then(|roots| roots.keys().max().copied());
        if recorded.is_some_and(|last| last >= next) || most(sealed) > next {
            self.fault(next, FaultKind::Truncated);
        }
        // Of an end that is not sealed anything before it can have been made anew.
        if self.last_end && (self.unsealed > 0 || self.told.torn > 0) {
            self.fault(next, if self.told.torn > 0 { FaultKind::Torn } else { FaultKind::Unsealed });
        }
    }
}

/// Records without a checkpoint: what one write may hold, and what a writer lets come before it seals, twice over.
const MOST_UNSEALED: u64 = 16 * 1024;
