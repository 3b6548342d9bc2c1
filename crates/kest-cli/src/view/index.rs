//! What is at hand of a log: its newest operations and refusals, within a bound of memory, and how much was left out.

use std::collections::{BTreeMap, HashMap};

use kest_core::entry::EntryHash;
use uuid::Uuid;

use crate::audit::view::View;

/// Bytes of memory, about, for operations: some seventy thousand.
const OPERATION_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of memory, about, for refusals: some twenty thousand.
const REFUSAL_BYTES: usize = 16 * 1024 * 1024;

/// Ends that wait for their operations: as many as a service has under way when a file ends, and more.
const MOST_WAITING: usize = 16 * 1024;

/// Letters that are kept of an ending: those that are known have fewer, and a record may have very many.
const ENDING_LETTERS: usize = 32;

/// Where a line begins: the file, and the byte in it.
pub(crate) type Place = ((Uuid, u32), u64);

/// A recorded entry.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) view: View,
    pub(crate) hash: EntryHash,
    pub(crate) place: Place,
    pub(crate) end: Option<End>,
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) ending: String,
    pub(crate) millis: u64,
    pub(crate) status_class: Option<u8>,
    /// The SHA-256 of what the operation gave.
    pub(crate) content: Option<EntryHash>,
    /// The writer that says so.
    pub(crate) writer: Uuid,
}

impl Operation {
    /// The SHA-256 of what it gave, where the writer that recorded it as signed says so: others do not know.
    pub(crate) fn content(&self) -> Option<EntryHash> {
        let own = |end: &&End| self.view.kind == "signed" && end.writer == self.place.0.0;
        self.end.as_ref().filter(own)?.content
    }
}

/// The newest of a log.
#[derive(Debug)]
pub(crate) struct Index {
    operations: Newest<Operation>,
    refusals: Newest<View>,
    by_hash: HashMap<EntryHash, Key>,
    /// Ends of operations that stand in a file which is read later.
    waiting: HashMap<EntryHash, End>,
    /// Records that were read.
    pub(crate) records: u64,
    /// Whole lines that are no records.
    pub(crate) unreadable: u64,
}

impl Default for Index {
    fn default() -> Self {
        Self::within(OPERATION_BYTES, REFUSAL_BYTES)
    }
}

impl Index {
    pub(super) fn within(operation_bytes: usize, refusal_bytes: usize) -> Self {
        Self {
            operations: Newest::within(operation_bytes),
            refusals: Newest::within(refusal_bytes),
            by_hash: HashMap::new(),
            waiting: HashMap::new(),
            records: 0,
            unreadable: 0,
        }
    }

    /// Takes an entry; where it was recorded as signed, that counts more than that another carried it.
    pub(crate) fn operation(&mut self, mut operation: Operation) {
        let hash = operation.hash;
        operation.end = if let Some(key) = self.by_hash.get(&hash).copied() {
            let carried = |known: &Operation| known.view.kind != "signed" && operation.view.kind == "signed";
            if !self.operations.items.get(&key).is_some_and(carried) {
                return;
            }
            // It stands where its signer recorded it, and at that time.
            self.by_hash.remove(&hash);
            self.operations.take(&key).and_then(|known| known.end)
        } else {
            self.waiting.remove(&hash)
        };
        let cost = size_of::<Operation>() + cost(&operation.view);
        let (key, gone) = self.operations.add(operation.view.at, operation, cost);
        self.by_hash.extend(key.map(|key| (hash, key)));
        for gone in gone {
            self.by_hash.remove(&gone.hash);
        }
    }

    /// Takes the end of an operation.
    pub(crate) fn finished(&mut self, hash: &EntryHash, mut end: End) {
        if let Some((cut, _)) = end.ending.char_indices().nth(ENDING_LETTERS) {
            end.ending.truncate(cut);
            end.ending.push('\u{2026}');
        }
        end.ending.shrink_to_fit();
        let key = self.by_hash.get(hash);
        if let Some(operation) = key.and_then(|key| self.operations.items.get_mut(key)) {
            let own = operation.end.as_ref().is_some_and(|known| known.writer == operation.place.0.0);
            if !own || end.writer == operation.place.0.0 {
                operation.end = Some(end);
            }
        } else if self.operations.left_out == 0 && self.waiting.len() < MOST_WAITING {
            // Once older ones are left out, it is the end of one of those.
            self.waiting.insert(*hash, end);
        }
    }

    /// Takes a refusal.
    pub(crate) fn refusal(&mut self, view: View) {
        let cost = size_of::<View>() + cost(&view);
        self.refusals.add(view.at, view, cost);
    }

    /// The operations, the newest first.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.items.values().rev()
    }

    /// The refusals, the newest first.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = &View> {
        self.refusals.items.values().rev()
    }

    /// The entry of this hash.
    pub(crate) fn get(&self, hash: &EntryHash) -> Option<&Operation> {
        self.operations.items.get(self.by_hash.get(hash)?)
    }

    /// Older operations that are not at hand.
    pub(crate) fn operations_left_out(&self) -> u64 {
        self.operations.left_out
    }

    /// Older refusals that are not at hand.
    pub(crate) fn refusals_left_out(&self) -> u64 {
        self.refusals.left_out
    }
}

/// The time that a record names, and when it was read.
type Key = (u64, u64);

/// The newest by the time that they name, in whichever order they come, as many as the bound has room for.
#[derive(Debug)]
struct Newest<Item> {
    items: BTreeMap<Key, Item>,
    costs: HashMap<Key, usize>,
    cost: usize,
    most: usize,
    came: u64,
    left_out: u64,
}

impl<Item> Newest<Item> {
    fn within(most: usize) -> Self {
        Self { items: BTreeMap::new(), costs: HashMap::new(), cost: 0, most, came: 0, left_out: 0 }
    }

    fn take(&mut self, key: &Key) -> Option<Item> {
        self.cost = self.cost.saturating_sub(self.costs.remove(key).unwrap_or_default());
        self.items.remove(key)
    }

    /// Where it was put, unless it is too old, and what had to go.
    fn add(&mut self, at: u64, item: Item, cost: usize) -> (Option<Key>, Vec<Item>) {
        self.came += 1;
        let key = (at, self.came);
        self.items.insert(key, item);
        self.costs.insert(key, cost);
        self.cost += cost;
        let mut gone = Vec::new();
        while self.cost > self.most {
            let Some((old, item)) = self.items.pop_first() else { break };
            self.cost = self.cost.saturating_sub(self.costs.remove(&old).unwrap_or_default());
            self.left_out += 1;
            gone.push(item);
        }
        (self.items.contains_key(&key).then_some(key), gone)
    }
}

/// Bytes behind a record, and what the maps need for it.
fn cost(view: &View) -> usize {
    let texts = [
        &view.entry,
        &view.operation,
        &view.workload,
        &view.user,
        &view.agent,
        &view.task,
        &view.tenant,
        &view.trace,
        &view.step,
        &view.refusal,
        &view.cause,
        &view.content_hash,
    ];
    let texts: usize = texts.into_iter().flatten().map(String::capacity).sum();
    let taints: usize = view.taints.iter().map(|taint| taint.capacity() + size_of::<String>()).sum();
    texts
        + taints
        + view.writer.capacity()
        + view.parents.len() * size_of::<EntryHash>()
        + 256
        + 4 * ENDING_LETTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(at: u64, kind: &'static str, name: &str) -> Operation {
        let view = View { at, kind, operation: Some(name.to_owned()), ..View::default() };
        let hash = EntryHash::of(&format!("{at} {name}"));
        Operation { view, hash, place: ((Uuid::nil(), 1), at), end: None }
    }

    fn end() -> End {
        let (ending, writer) = (String::new(), Uuid::nil());
        End { ending, millis: 3, status_class: None, content: None, writer }
    }

    fn times(index: &Index) -> Vec<u64> {
        index.operations().map(|it| it.view.at).collect()
    }

    /// Attack: a log without end, and entries that are as long as they may be.
    #[test]
    fn memory_is_bounded_and_the_newest_stay_in_whichever_order_they_come() {
        let mut index = Index::within(20_000, 20_000);
        for at in (0..100).rev().chain(100..200) {
            index.operation(operation(at, "signed", "x"));
            index.refusal(View { at, ..View::default() });
        }
        let held = times(&index);
        assert_eq!(held, (200 - u64::try_from(held.len()).unwrap()..200).rev().collect::<Vec<_>>());
        assert!((5..40).contains(&held.len()), "{}", held.len());
        assert_eq!(index.operations_left_out(), 200 - u64::try_from(held.len()).unwrap());
        assert_eq!(index.by_hash.len(), held.len());
        assert_eq!(index.refusals().count() + usize::try_from(index.refusals_left_out()).unwrap(), 200);
        index.operation(operation(300, "signed", &"x".repeat(30_000)));
        assert_eq!((times(&index), index.by_hash.len()), (vec![], 0), "one that is too long by itself");
    }

    /// Attack: ends that are as long as a record may be, of operations that are at hand and of others.
    #[test]
    fn ending_without_end_takes_no_memory() {
        let mut index = Index::default();
        index.operation(operation(5, "signed", "x"));
        for hash in [EntryHash::of("5 x"), EntryHash::of("comes later")] {
            index.finished(&hash, End { ending: "\u{1f4a5}".repeat(16_000), ..end() });
        }
        let held = index.get(&EntryHash::of("5 x")).unwrap().end.iter().chain(index.waiting.values());
        let held: Vec<usize> = held.map(|end| end.ending.capacity()).collect();
        assert!(held.len() == 2 && held.iter().all(|bytes| *bytes <= 160), "{held:?}");
    }

    /// Files are read from the newest on, so that an end may come before its beginning.
    #[test]
    fn end_that_comes_before_its_operation_is_kept_for_it() {
        let mut index = Index::default();
        let hash = EntryHash::of("5 x");
        index.finished(&hash, End { ending: "complete".into(), ..end() });
        index.operation(operation(5, "signed", "x"));
        assert!(index.get(&hash).unwrap().end.is_some() && index.waiting.is_empty());
        for number in 0..2 * MOST_WAITING {
            let unknown = EntryHash::of(&number.to_string());
            index.finished(&unknown, End { ending: "complete".into(), ..end() });
        }
        assert_eq!(index.waiting.len(), MOST_WAITING);
    }

    /// Attack: another service of the log says what an operation gave that is not its own.
    #[test]
    fn content_counts_from_the_writer_that_signed_alone() {
        let mut index = Index::default();
        let (hash, content) = (EntryHash::of("5 x"), Some(EntryHash::of("page")));
        index.operation(operation(5, "carried", "x"));
        index.finished(&hash, End { content, ..end() });
        assert_eq!(index.get(&hash).unwrap().content(), None);
        index.operation(operation(5, "signed", "x"));
        assert_eq!(index.get(&hash).unwrap().content(), content);
        index.finished(&hash, End { content: Some(EntryHash::of("forged")), writer: Uuid::max(), ..end() });
        assert_eq!(index.get(&hash).unwrap().content(), content);
    }

    /// Attack: an entry says what it made in a text of any length.
    #[test]
    fn content_that_is_no_hash_counts_as_memory() {
        let long = View { content_hash: Some("x".repeat(10_000)), ..View::default() };
        assert!(cost(&long) >= 10_000 + cost(&View::default()));
    }

    #[test]
    fn entry_is_held_once_and_by_the_record_of_its_signer() {
        let mut index = Index::default();
        index.operation(operation(5, "carried", "x"));
        let hash = EntryHash::of("5 x");
        let signed = Operation { place: ((Uuid::nil(), 2), 9), ..operation(5, "signed", "x") };
        index.operation(signed);
        index.operation(operation(5, "carried", "x"));
        index.finished(&hash, End { ending: "complete".into(), status_class: Some(2), ..end() });
        let held = index.get(&hash).unwrap();
        assert_eq!((held.view.kind, held.place), ("signed", ((Uuid::nil(), 2), 9)));
        assert!(held.end.is_some());
        assert_eq!(index.operations().count(), 1);
    }

    /// Failure: an entry that another carried later was listed and searched by the time and the writer of that.
    #[test]
    fn entry_is_listed_by_the_time_at_which_it_was_signed() {
        let mut index = Index::default();
        let hash = EntryHash::of("5 x");
        let of = |writer: &str, at, kind| {
            let view = View { at, writer: writer.to_owned(), ..operation(5, kind, "x").view };
            Operation { view, ..operation(5, kind, "x") }
        };
        index.operation(of("other", 9, "carried"));
        index.finished(&hash, End { ending: "complete".into(), ..end() });
        index.operation(operation(7, "signed", "y"));
        index.operation(of("own", 5, "signed"));
        assert_eq!(times(&index), [7, 5]);
        let held = index.get(&hash).unwrap();
        assert_eq!((held.view.writer.as_str(), held.end.is_some()), ("own", true));
        assert_eq!((index.operations.costs.len(), index.operations_left_out()), (2, 0));
        let costs: usize = index.operations.costs.values().sum();
        assert_eq!(index.operations.cost, costs);
    }
}
