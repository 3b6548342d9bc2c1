//! Gathers one lineage: from what is at hand where that is enough, and else from all of the log.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::sync::TryLockError;

use kest_audit::{Log, Recorded, Wanted};
use kest_core::Limits;
use kest_core::entry::EntryHash;
use kest_core::passport::Tips;

use super::asked::Asked;
use super::index::{Index, Place};
use super::routes::Site;

/// A lineage as the log has it.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) entries: Vec<String>,
    pub(crate) hashes: Vec<EntryHash>,
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
    let recorded = if let Some(entries) = near {
        Recorded::of(entries)
    } else {
        let _turn = match site.far.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(GatherError::Busy),
        };
        log.lineage(wanted, &site.limits).map_err(GatherError::Unreadable)?
    };
    let (entries, shortened) = (recorded.entries, recorded.shortened);
    let hashes: Vec<EntryHash> = entries.iter().map(|entry| EntryHash::of(entry)).collect();
    Ok((!entries.is_empty()).then_some(Gathered { entries, hashes, shortened, asked: entry }))
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
