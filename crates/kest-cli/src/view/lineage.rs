//! Gathers one lineage: from what is at hand where that is enough, and else from all of the log.

use std::collections::HashSet;
use std::io;
use std::sync::TryLockError;

use kest_audit::{Recorded, Wanted};
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
    let held = site.known.ask(|index| at_hand(index, wanted, &site.limits));
    let log = site.log.again().map_err(GatherError::Unreadable)?;
    let recorded = match held {
        Held::All(places) => {
            let mut entries = Vec::new();
            let mut bytes = 0;
            for (hash, (file, byte)) in &places {
                let line = log.lines_from(*file, *byte).next().transpose();
                let Some(line) = line.map_err(GatherError::Unreadable)? else { continue };
                let read = line.read().ok();
                let entry = read.as_ref().and_then(|read| read.record.entry());
                // The file may have been changed since.
                let entry = entry.filter(|entry| EntryHash::of(entry) == *hash);
                bytes += entry.map_or(0, |entry| entry.len() + 4);
                if bytes <= site.limits.passport_bytes {
                    entries.extend(entry.map(str::to_owned));
                }
            }
            Recorded::of(entries)
        }
        Held::Part => {
            let _turn = match site.far.try_lock() {
                Ok(turn) => turn,
                Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
                Err(TryLockError::WouldBlock) => return Err(GatherError::Busy),
            };
            log.lineage(wanted, &site.limits).map_err(GatherError::Unreadable)?
        }
    };
    let (entries, shortened) = (recorded.entries, recorded.shortened);
    let hashes: Vec<EntryHash> = entries.iter().map(|entry| EntryHash::of(entry)).collect();
    Ok((!entries.is_empty()).then_some(Gathered { entries, hashes, shortened, asked: entry }))
}

/// How much of a lineage is at hand.
enum Held {
    All(Vec<(EntryHash, Place)>),
    /// Some of it may lie further back in the log.
    Part,
}

fn at_hand(index: &Index, wanted: Wanted<'_>, limits: &Limits) -> Held {
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
    let all = whole || index.operations_left_out() == 0;
    if all && places.len() <= limits.entries { Held::All(places) } else { Held::Part }
}
