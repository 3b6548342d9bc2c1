//! One writer's records from the first to the last: what follows what, what is sealed, what holds.

use std::io;
use std::sync::Arc;

use kest_core::Verifier;
use kest_core::entry::{Entry, EntryHash};
use kest_core::passport::VerifyErrorKind;
use kest_core::signature::{KeyRing, WorkloadId};

use crate::chain::Window;
use crate::folder::State;
use crate::note::Checkpoint;
use crate::position::{Head, Position};
use crate::read::{Log, RawLine};
use crate::record::{Line, Record};
use crate::report::{Answer, Fault, FaultKind, InForce, Report, WriterReport};
use crate::tree::{Edge, TreeHash};
use crate::verify::{Removed, Witnessed};

/// Judges line after line of one writer. Where it is, and the entries of this part, are all that it goes by.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'it> {
    verifier: &'it Verifier,
    ring: &'it KeyRing,
    witnessed: &'it Witnessed,
    service: Option<WorkloadId>,
    at: Position,
    entries: Window<Arc<Entry>>,
    /// No line of this part was read yet.
    first: bool,
    faults: Vec<Fault>,
    answer: Answer,
}

/// What was found about one writer.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) told: WriterReport,
    pub(crate) head: Option<Head>,
    pub(crate) removed: Vec<Removed>,
    /// Where it ends, where all is right and no more will come.
    pub(crate) end: Option<Position>,
}

impl<'it> Walk<'it> {
    /// From `at` on, which is before the first line of a part.
    pub(crate) fn new(
        at: Position,
        verifier: &'it Verifier,
        ring: &'it KeyRing,
        witnessed: &'it Witnessed,
    ) -> Self {
        let service = at.service.as_deref().and_then(|service| WorkloadId::new(service).ok());
        let (entries, faults, answer) = (Window::default(), Vec::new(), Answer::Complete);
        Self { verifier, ring, witnessed, service, at, entries, first: true, faults, answer }
    }

    /// Where it is, unless a fault was found.
    fn position(&self) -> Option<&Position> {
        (self.answer == Answer::Complete && self.faults.is_empty()).then_some(&self.at)
    }

    /// Reads all of it; `rest` hears where it is before each part, as long as all is right.
    pub(crate) fn run(
        mut self,
        log: &Log,
        report: &mut Report,
        progress: &mut impl FnMut(u64),
        mut rest: impl FnMut(&Position),
    ) -> io::Result<Walked> {
        let writer = self.at.writer;
        // Before the first record no part is done: one that has the number 0 is looked at too.
        let done = self.at.next.map(|_record| self.at.part);
        for number in log.files_of(writer).filter(|number| Some(*number) > done) {
            if let Some(at) = self.position() {
                rest(at);
            }
            self.part(number);
            for raw in log.lines_from((writer, number), 0) {
                let raw = raw?;
                progress(u64::try_from(raw.bytes.len()).unwrap_or_default() + 1);
                self.feed(&raw);
                for fault in self.faults.drain(..) {
                    report.fault(Fault { place: Some((Arc::clone(&raw.file), raw.number)), ..fault });
                    self.answer = Answer::Gap;
                }
            }
        }
        let mut state = log.state_of(writer)?;
        // A writer that has begun another file meanwhile holds that one, and lives.
        let grown = state == Some(State::Crashed) && log.has_grown(writer)?;
        if grown {
            state = log.again()?.state_of(writer)?;
        }
        self.finish();
        for fault in self.faults.drain(..) {
            report.fault(fault);
            self.answer = Answer::Gap;
        }
        Ok(self.walked(state, grown))
    }

    fn walked(self, state: Option<State>, grown: bool) -> Walked {
        let whole = state != Some(State::Live) && !grown && self.at.torn == 0;
        let end = self.position().filter(|_| whole).cloned();
        let Self { at, answer, .. } = self;
        let answer = match (answer, at.next, &at.head) {
            (Answer::Complete, None, _) => Answer::Empty,
            (Answer::Complete, Some(_), Some(_)) => Answer::UnknownBefore,
            (answer, ..) => answer,
        };
        let told = WriterReport {
            writer: at.writer,
            service: at.service,
            answer,
            first: at.head.as_ref().map_or(0, |head| head.edge.size()),
            last: at.last,
            sealed: at.sealed,
            state: if at.last_end { State::Ended } else { state.unwrap_or(State::Crashed) },
            torn: at.torn,
            records: at.records,
            entries: at.entries,
            lost: at.lost,
            in_force: at.in_force,
        };
        Walked { told, head: at.head, removed: at.removed, end }
    }

    /// Goes on with another part, in which everything stands that its entries follow.
    pub(crate) fn part(&mut self, number: u32) {
        self.torn_before_more();
        self.at.part = number;
        self.first = true;
        self.entries.clear();
        // Parts are numbered from 1.
        if number == 0 {
            self.fault(0, FaultKind::Misplaced);
        }
    }

    /// Judges one more line.
    pub(crate) fn feed(&mut self, raw: &RawLine) {
        self.torn_before_more();
        if !raw.whole {
            self.at.torn = u64::try_from(raw.bytes.len()).unwrap_or(u64::MAX);
            return;
        }
        if self.at.next.is_none() && self.at.part > 1 {
            self.at.head = self.begin_headless(raw);
        }
        self.line(raw);
    }

    /// A torn line is the last thing that a writer leaves.
    fn torn_before_more(&mut self) {
        if self.at.torn > 0 {
            self.at.torn = 0;
            self.fault(self.at.next.unwrap_or_default(), FaultKind::Torn);
        }
    }

    /// Takes the first record that is there at its word about what was before it; a checkpoint behind it proves that word.
    fn begin_headless(&mut self, raw: &RawLine) -> Option<Head> {
        let line = raw.read().ok()?;
        let before = line.previous()?;
        let Record::Segment { edge, .. } = &line.record else { return None };
        let nodes = edge.iter().map(|node| TreeHash::from_hex(node)).collect::<Option<Vec<_>>>()?;
        // Without it no root could ever be compared.
        let edge = Edge::new(line.seq, nodes)?;
        self.at.edge = Some(edge.clone());
        (self.at.next, self.at.before) = (Some(line.seq), Some(before));
        Some(Head { part: self.at.part, before, edge })
    }

    fn fault(&mut self, seq: u64, kind: FaultKind) {
        self.faults.push(Fault::of(self.at.writer, seq, kind));
    }

    fn line(&mut self, raw: &RawLine) {
        let expected = match self.at.next {
            Some(next) => next,
            None => {
                (self.at.before, self.at.edge) = (Some(TreeHash::NOTHING), Some(Edge::default()));
                0
            }
        };
        let first = std::mem::take(&mut self.first);
        let hash = TreeHash::of_line(&raw.bytes);
        let line = match raw.read() {
            Ok(line) if line.writer == self.at.writer => line,
            other => {
                let kind = if other.is_ok() { FaultKind::Foreign } else { FaultKind::Malformed };
                self.fault(expected, kind);
                (self.at.next, self.at.before) = (Some(expected.saturating_add(1)), None);
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
        } else if self.at.before.is_some_and(|before| line.previous() != Some(before)) {
            self.fault(expected.saturating_sub(1), FaultKind::Changed);
            self.lose_edge();
        }
        self.witness(line.seq, hash);
        self.begins_part(&line, first);
        self.record(&line);
        if let Some(edge) = &mut self.at.edge {
            edge.push(hash);
        }
        (self.at.next, self.at.before) = (Some(line.seq.saturating_add(1)), Some(hash));
        (self.at.last, self.at.records) = (line.seq, self.at.records + 1);
    }

    /// After a fault no root over all records is known, and what was not sealed before it never will be.
    fn lose_edge(&mut self) {
        self.at.edge = None;
        self.at.pending.clear();
    }

    /// Compares with what others saw of this record, and of the tree before it.
    fn witness(&mut self, seq: u64, hash: TreeHash) {
        let writer = self.at.writer;
        let recorded = self.witnessed.records.get(&writer).and_then(|records| records.get(&seq));
        if recorded.is_some_and(|recorded| *recorded != hash) {
            self.fault(seq, FaultKind::Changed);
        }
        self.witness_root();
    }

    fn witness_root(&mut self) {
        let Some(edge) = &self.at.edge else { return };
        let roots = self.witnessed.roots.get(&self.at.writer);
        if roots.and_then(|roots| roots.get(&edge.size())).is_some_and(|root| *root != edge.root()) {
            let size = edge.size();
            self.fault(size, FaultKind::CheckpointDiffers);
        }
    }

    /// A part behind the first one begins with the record that says its number, and that record stands nowhere else.
    fn begins_part(&mut self, line: &Line<'_>, first: bool) {
        let Record::Segment { number, .. } = line.record else {
            if first && self.at.part > 1 {
                self.fault(line.seq, FaultKind::Misplaced);
            }
            return;
        };
        if !first || self.at.part < 2 || number != self.at.part {
            self.fault(line.seq, FaultKind::Misplaced);
        }
    }

    fn record(&mut self, line: &Line<'_>) {
        let sealing = matches!(line.record, Record::Checkpoint { .. });
        if (line.seq == 0) != matches!(line.record, Record::Start(_)) || self.at.last_end && !sealing {
            self.fault(line.seq, FaultKind::Misplaced);
        }
        self.at.last_end |= matches!(line.record, Record::End {});
        // What is carried comes in any number before the one that follows it.
        self.at.unsealed += u64::from(!matches!(line.record, Record::Carried { .. }));
        if self.at.unsealed == MOST_UNSEALED {
            self.fault(line.seq, FaultKind::Unsealed);
        }
        match &line.record {
            Record::Signed { entry } | Record::Carried { entry } => self.entry(line.seq, entry),
            Record::Checkpoint { note } => self.checkpoint(line.seq, note),
            Record::Segment { edge, .. } => self.segment(line.seq, edge),
            Record::Removed { hash, through, writer } => {
                // Of more than a checkpoint may leave open none is believed.
                let hash = TreeHash::from_hex(hash).filter(|_| self.at.unsealed < MOST_UNSEALED);
                let removed = |hash| Removed { writer: *writer, through: *through, hash };
                self.at.pending.extend(hash.map(removed));
            }
            Record::InForce { keys, policies } => {
                let text = |digest: &Option<std::borrow::Cow<'_, str>>| digest.as_deref().map(str::to_owned);
                let said = InForce { seq: line.seq, at: line.at, keys: text(keys), policies: text(policies) };
                // It is said again in each file; what changes counts.
                let same = |last: &InForce| (&last.keys, &last.policies) == (&said.keys, &said.policies);
                if !self.at.in_force.last().is_some_and(same) {
                    self.at.in_force.push(said);
                }
                if self.at.in_force.len() > MOST_IN_FORCE {
                    self.at.in_force.remove(0);
                }
            }
            Record::Lost { finished, refused, signed } => {
                let lost = finished.saturating_add(*refused).saturating_add(*signed);
                self.at.lost = self.at.lost.saturating_add(lost);
            }
            Record::Start(_) | Record::Refused(_) | Record::Finished { .. } | Record::End {} => {}
        }
    }

    fn entry(&mut self, seq: u64, compact: &str) {
        let parent = |hash: &EntryHash| self.entries.get(hash).cloned();
        match self.verifier.verify_next(compact, self.ring, parent) {
            Ok(entry) => {
                self.at.entries += 1;
                self.entries.add(entry.hash(), entry);
            }
            Err(VerifyErrorKind::BrokenLink) => self.fault(seq, FaultKind::ParentMissing),
            Err(kind) => {
                let cause = Some(kind.as_str());
                self.faults.push(Fault { cause, ..Fault::of(self.at.writer, seq, FaultKind::EntryInvalid) });
            }
        }
    }

    fn checkpoint(&mut self, seq: u64, note: &str) {
        // Without a start the log does not say whose it is: any workload whose key is trusted may be, and no other after it.
        let own = self.service.as_ref();
        let any = self.ring.keys().map(|(workload, ..)| workload).filter(|_| own.is_none());
        let mut services = own.into_iter().chain(any);
        let held = services.find_map(|service| Checkpoint::verify(note, service, self.ring).ok());
        let Some(checkpoint) = held.filter(|it| it.writer == self.at.writer) else {
            self.fault(seq, FaultKind::CheckpointInvalid);
            return;
        };
        self.at.service.get_or_insert_with(|| checkpoint.service.as_str().to_owned());
        self.service.get_or_insert_with(|| checkpoint.service.clone());
        // What it seals is not known after a fault: then it seals nothing.
        let Some(edge) = &self.at.edge else { return };
        if (checkpoint.size, checkpoint.root) == (edge.size(), edge.root()) {
            (self.at.sealed, self.at.unsealed) = (checkpoint.size, 0);
            self.at.removed.append(&mut self.at.pending);
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
        match &self.at.edge {
            Some(edge) if *edge != said => self.fault(seq, FaultKind::CheckpointDiffers),
            Some(_) => {}
            None => self.at.edge = Some(said),
        }
    }

    /// Nothing more is there.
    pub(crate) fn finish(&mut self) {
        self.witness_root();
        let next = self.at.next.unwrap_or_default();
        let writer = self.at.writer;
        let most = |seen: Option<u64>| seen.unwrap_or_default();
        let recorded = self.witnessed.records.get(&writer).and_then(|records| records.keys().max().copied());
        let sealed = self.witnessed.roots.get(&writer).and_then(|roots| roots.keys().max().copied());
        if recorded.is_some_and(|last| last >= next) || most(sealed) > next {
            self.fault(next, FaultKind::Truncated);
        }
        // Of an end that is not sealed anything before it can have been made anew.
        if self.at.last_end && (self.at.unsealed > 0 || self.at.torn > 0) {
            self.fault(next, if self.at.torn > 0 { FaultKind::Torn } else { FaultKind::Unsealed });
        }
    }
}

/// Records without a checkpoint: what one write may hold, and what a writer lets come before it seals, twice over.
const MOST_UNSEALED: u64 = 16 * 1024;
/// Digests in force that are told of one writer, the last ones: they change with a bundle or a policy.
const MOST_IN_FORCE: usize = 64;

#[cfg(test)]
#[path = "tests/removals.rs"]
mod removals;
#[cfg(test)]
#[path = "tests/changes.rs"]
mod tests;
