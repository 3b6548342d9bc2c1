//! Gathers one lineage: from what is at hand where that is enough, and else from all of the log.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::sync::TryLockError;

use kest_audit::{Log, Recorded, Wanted};
use kest_core::Limits;
use kest_core::entry::EntryHash;
use kest_core::passport::Tips;
use uuid::Uuid;

use super::asked::Asked;
use super::follow::Known;
use super::index::{Index, Place};
use super::routes::Site;

/// A lineage as the log has it.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) entries: Vec<String>,
    pub(crate) hashes: Vec<EntryHash>,
    /// The SHA-256 of what their operations gave, where it was recorded with their ends.
    pub(crate) contents: HashMap<EntryHash, EntryHash>,
    /// Older entries are left out.
    pub(crate) shortened: bool,
    /// The entry that was asked for.
    asked: Option<EntryHash>,
}

impl Gathered {
    /// What is asked for is where the lineage ends; what else a trace ends in, no one announced.
    pub(crate) fn tips(&self, limits: &Limits) -> Option<Tips> {
        Tips::parse(&self.asked?.to_hex(), limits).ok()
    }
}

/// A lineage cannot be shown now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatherError {
    /// A file cannot be read.
    #[error("the log cannot be read")]
    Unreadable(#[source] io::Error),
    /// All of the log is read for another lineage already.
    #[error("another lineage that reaches far back is being gathered: try again in a moment")]
    Busy,
}

/// What was recorded of the lineage that is asked for; `None` where nothing was.
pub(crate) fn gather(site: &Site, asked: &Asked) -> Result<Option<Gathered>, GatherError> {
    let entry: Option<EntryHash> = match &asked.entry {
        Some(text) => match text.parse() {
            Ok(hash) => Some(hash),
            Err(_) => return Ok(None),
        },
        None => None,
    };
    let trace = asked.query.trace.as_deref().unwrap_or_default();
    let wanted = entry.map_or(Wanted::Trace(trace), Wanted::Entry);
    let complete = site.known.following().caught_up;
    let held = site.known.ask(|index| at_hand(index, wanted, &site.limits, complete));
    let log = site.log.again().map_err(GatherError::Unreadable)?;
    let near = match held {
        Held::All(places) => read(&log, &places, &site.limits).map_err(GatherError::Unreadable)?,
        Held::Part => None,
    };
    let (recorded, contents) = if let Some(entries) = near {
        let recorded = Recorded::of(entries);
        let contents = contents(&site.known, &log, &hashes(&recorded)).map_err(GatherError::Unreadable)?;
        (recorded, contents)
    } else {
        let _turn = match site.far.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(GatherError::Busy),
        };
        let recorded = log.lineage(wanted, &site.limits).map_err(GatherError::Unreadable)?;
        let contents = log.contents(&hashes(&recorded)).map_err(GatherError::Unreadable)?;
        (recorded, contents)
    };
    let hashes = hashes(&recorded);
    let (entries, shortened) = (recorded.entries, recorded.shortened);
    Ok((!entries.is_empty()).then_some(Gathered { entries, hashes, contents, shortened, asked: entry }))
}

fn hashes(recorded: &Recorded) -> Vec<EntryHash> {
    recorded.entries.iter().map(|entry| EntryHash::of(entry)).collect()
}

/// What these operations gave, as far as it is at hand, where a writer of the workload that signed says so.
fn contents(known: &Known, log: &Log, hashes: &[EntryHash]) -> io::Result<HashMap<EntryHash, EntryHash>> {
    let given = known.ask(|index| {
        let given = |hash: &EntryHash| {
            let operation = index.get(hash)?;
            let workload = operation.view.workload.clone()?;
            Some((*hash, operation.content()?, (operation.place.0.0, workload)))
        };
        hashes.iter().filter_map(given).collect::<Vec<_>>()
    });
    let mut own: HashMap<(Uuid, String), bool> = HashMap::new();
    let mut contents = HashMap::new();
    for (hash, content, of) in given {
        let is_own = match own.get(&of) {
            Some(is_own) => *is_own,
            None => log.is_of(of.0, &of.1)?,
        };
        if is_own {
            contents.insert(hash, content);
        }
        own.insert(of, is_own);
    }
    Ok(contents)
}

/// The entries that stand there, parents first where they came so; `None` where some are not there any more, or where they
/// are more than a passport may be: then the whole log says what it has, and what is left out.
fn read(log: &Log, places: &[(EntryHash, Place)], limits: &Limits) -> io::Result<Option<Vec<String>>> {
    let mut entries = Vec::with_capacity(places.len());
    let mut bytes = 0;
    for (hash, (file, byte)) in places.iter().rev() {
        let line = match log.lines_from(*file, *byte).next().transpose() {
            // Deleted since it was read; another writer may have carried the entry.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            line => line?,
        };
        let read = line.as_ref().and_then(|line| line.read().ok());
        // The file may have been changed since.
        let entry = read.as_ref().and_then(|read| read.record.entry());
        let Some(entry) = entry.filter(|entry| EntryHash::of(entry) == *hash) else { return Ok(None) };
        bytes += entry.len() + 4;
        if bytes > limits.passport_bytes {
            return Ok(None);
        }
        entries.push(entry.to_owned());
    }
    Ok(Some(entries))
}

/// How much of a lineage is at hand.
enum Held {
    All(Vec<(EntryHash, Place)>),
    /// Some of it may lie further back in the log.
    Part,
}

fn at_hand(index: &Index, wanted: Wanted<'_>, limits: &Limits, complete: bool) -> Held {
    let mut open: Vec<EntryHash> = match wanted {
        Wanted::Entry(hash) => vec![hash],
        Wanted::Trace(trace) => {
            let of = |text: &Option<String>| text.as_deref() == Some(trace);
            index.operations().filter(|it| of(&it.view.trace)).map(|it| it.hash).collect()
        }
        _ => Vec::new(),
    };
    let mut taken = HashSet::new();
    let mut places = Vec::new();
    let mut whole = !open.is_empty();
    while let Some(hash) = open.pop() {
        if !taken.insert(hash) {
            continue;
        }
        match index.get(&hash) {
            Some(operation) => {
                places.push((hash, operation.place));
                open.extend(&operation.view.parents);
            }
            None => whole = false,
        }
    }
    // All of an entry's ancestors may be at hand, and no more than that; of a trace, what is left out may be a part.
    let whole = whole && matches!(wanted, Wanted::Entry(_));
    let all = whole || complete && index.operations_left_out() == 0;
    if all && places.len() <= limits.entries { Held::All(places) } else { Held::Part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::view::View;
    use crate::view::index::Operation;

    fn hash(at: u64) -> EntryHash {
        EntryHash::of(&at.to_string())
    }

    /// So many operations of one trace, each of which follows the one before it, within so many bytes.
    fn chain(count: u64, bytes: usize) -> Index {
        let mut index = Index::within(bytes, bytes);
        for at in 0..count {
            let parents = at.checked_sub(1).map(hash).into_iter().collect();
            let view = View { at, kind: "signed", trace: Some("t".to_owned()), parents, ..View::default() };
            index.operation(Operation { view, hash: hash(at), place: ((Uuid::nil(), 1), at), end: None });
        }
        index
    }

    fn places(index: &Index, wanted: Wanted<'_>, limits: &Limits, complete: bool) -> Option<usize> {
        match at_hand(index, wanted, limits, complete) {
            Held::All(places) => Some(places.len()),
            Held::Part => None,
        }
    }

    /// Failure: what is at hand of a lineage passes for all of it, and the rest for lost.
    #[test]
    fn part_of_a_lineage_is_not_taken_for_all_of_it() {
        let (limits, all, few) = (Limits::default(), chain(50, usize::MAX), chain(50, 20_000));
        assert!(few.operations_left_out() > 0);
        let (newest, trace) = (Wanted::Entry(hash(49)), Wanted::Trace("t"));
        assert_eq!(places(&all, newest, &limits, true), Some(50));
        assert_eq!(places(&all, trace, &limits, true), Some(50));
        // All that an entry follows is there; of a trace more may come to light.
        assert_eq!(places(&all, newest, &limits, false), Some(50));
        assert_eq!(places(&all, trace, &limits, false), None);
        for wanted in [newest, trace] {
            assert_eq!(places(&few, wanted, &limits, true), None);
        }
    }

    /// Attack: a lineage of very many short entries, each of which is looked up and read by itself.
    #[test]
    fn lineage_of_more_entries_than_a_passport_has_is_left_to_the_log() {
        let mut limits = Limits::default();
        limits.entries = 50;
        for wanted in [Wanted::Entry(hash(49)), Wanted::Trace("t")] {
            assert_eq!(places(&chain(50, usize::MAX), wanted, &limits, true), Some(50));
        }
        assert_eq!(places(&chain(51, usize::MAX), Wanted::Entry(hash(50)), &limits, true), None);
        assert_eq!(places(&chain(51, usize::MAX), Wanted::Trace("t"), &limits, true), None);
    }
}
