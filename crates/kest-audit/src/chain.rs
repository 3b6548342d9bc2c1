//! The chain of one writer: which number, hash and root the next line has, and which entries its readers have at hand.

use std::collections::{HashMap, VecDeque};

use kest_core::Passport;
use kest_core::entry::EntryHash;
use serde_json::Error;
use uuid::Uuid;

use crate::record::{Line, Record};
use crate::tree::{Edge, TreeHash};

/// Lines of entries, signed and carried, that a reader looks back: the parents of an entry are among the last so many before
/// it.
pub const PARENT_WINDOW: usize = 4096;

/// The name of a writer that begins after `last` did: that of its time, and behind `last` where both began in one millisecond, so that
/// writers are in the order of their names (RFC 9562, section 6.2, method 2).
pub(crate) fn behind(name: Uuid, last: Option<Uuid>) -> Uuid {
    let (new, last) = (name.as_u128(), last.unwrap_or_default().as_u128());
    if new > last || new >> MILLIS_FROM != last >> MILLIS_FROM {
        return name;
    }
    // By a random step: another process may do the same.
    let step = (new & STEPS).saturating_add(1);
    Uuid::from_u128(last.saturating_add(step))
}

/// Bits of a name behind its milliseconds.
const MILLIS_FROM: u32 = 80;
/// So small that steps leave the other bits of a name alone, but for one of 2^22 names.
const STEPS: u128 = 0xff_ffff_ffff;

/// Where a writer is. Cloned before each write, so that a failed one leaves no trace.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) writer: Uuid,
    pub(crate) edge: Edge,
    last: TreeHash,
}

impl Chain {
    pub(crate) fn new(writer: Uuid) -> Self {
        Self { writer, edge: Edge::default(), last: TreeHash::NOTHING }
    }

    /// The number of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.edge.size()
    }

    /// Adds a record to `lines`.
    pub(crate) fn append(&mut self, lines: &mut Vec<u8>, at: u64, record: Record<'_>) -> Result<(), Error> {
        let line =
            Line { at, prev: self.last.to_hex().into(), record, seq: self.next(), v: 1, writer: self.writer };
        let start = lines.len();
        serde_json::to_writer(&mut *lines, &line)?;
        self.last = TreeHash::of_line(lines.get(start..).unwrap_or_default());
        lines.push(b'\n');
        self.edge.push(self.last);
        Ok(())
    }
}

/// What was written of entries in the last lines: the same for a writer and for its readers. Each line of an entry counts, and
/// one that comes again is new.
#[derive(Debug, Clone)]
pub(crate) struct Window<T> {
    known: HashMap<EntryHash, (u64, T)>,
    /// Which entry each of the last lines had, the last of them being number `lines`.
    order: VecDeque<EntryHash>,
    lines: u64,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), lines: 0 }
    }
}

impl<T> Window<T> {
    pub(crate) fn add(&mut self, hash: EntryHash, value: T) {
        self.lines = self.lines.saturating_add(1);
        self.known.insert(hash, (self.lines, value));
        self.order.push_back(hash);
        if self.order.len() > PARENT_WINDOW
            && let Some(oldest) = self.order.pop_front()
            && self.age(&oldest).is_some_and(|age| age >= PARENT_WINDOW)
        {
            self.known.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, hash: &EntryHash) -> Option<&T> {
        self.known.get(hash).map(|(_line, value)| value)
    }

    /// How many lines came after the last of this entry.
    fn age(&self, hash: &EntryHash) -> Option<usize> {
        let (line, _value) = self.known.get(hash)?;
        usize::try_from(self.lines.saturating_sub(*line)).ok()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Window<()> {
    /// The entries of `passport` before its last that have to be written first. Where one is missing all after it are
    /// written again: they may follow it. One that those would push out is as good as missing.
    pub(crate) fn missing<'it>(
        &self,
        passport: &'it Passport,
    ) -> impl Iterator<Item = (EntryHash, &'it str)> {
        let entries = passport.entries();
        let ancestors = entries.split_last().map_or(&[][..], |(_own, ancestors)| ancestors);
        let stays =
            |hash| self.age(&hash).is_some_and(|age| age.saturating_add(entries.len()) < PARENT_WINDOW);
        let known = ancestors.iter().take_while(|entry| stays(entry.hash())).count();
        ancestors.iter().skip(known).map(|entry| (entry.hash(), entry.compact()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure: of two writers of one millisecond the later one stood before the other, in reports and where old files go.
    #[test]
    fn writers_of_one_millisecond_are_named_in_the_order_in_which_they_began() {
        let name = |random: u128| {
            Uuid::from_u128((0x01a2_21d8_3982_u128 << 80) | (0x7_u128 << 76) | (0x2 << 62) | random)
        };
        let mut last = name(0xffff_0000_0000);
        for random in [1, 0xffff_0000_0000, 0, 7] {
            let next = behind(name(random), Some(last));
            assert!(next > last, "{next} {last}");
            assert_eq!((next.get_version_num(), next.as_u128() >> 80), (7, last.as_u128() >> 80));
            last = next;
        }
        // Those of two processes are two.
        assert_ne!(behind(name(1), Some(last)), behind(name(2), Some(last)));
        // The clock of another may be wrong: its time is not taken over.
        let later = Uuid::from_u128(last.as_u128() + (1 << 80));
        assert_eq!(behind(name(1), Some(later)), name(1));
        assert_eq!(behind(later, Some(last)), later);
        assert_eq!(behind(name(1), None), name(1));
    }
}
