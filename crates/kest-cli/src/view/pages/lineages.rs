//! The newest lineages: one row each, with what came of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use maud::{Markup, html};

use super::form::{form, page_of, turning};
use super::{facts, left_out, look, text};
use crate::view::asked::{Asked, link, shown_time};
use crate::view::index::{Index, Operation};

/// Rows of a page.
pub(crate) const EACH: usize = 50;
/// Names that a cell lists.
const NAMES: usize = 6;

/// What belongs together: the entries of a trace, or one entry that names no trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key<'index> {
    Trace(&'index str),
    Entry(&'index str),
}

impl<'index> Key<'index> {
    pub(crate) fn of(operation: &'index Operation) -> Self {
        let entry = || operation.view.entry.as_deref().unwrap_or_default();
        operation.view.trace.as_deref().map_or_else(|| Self::Entry(entry()), Self::Trace)
    }

    fn value(self) -> &'index str {
        match self {
            Self::Trace(value) | Self::Entry(value) => value,
        }
    }

    /// How an address asks for it, of which this operation is the newest: a trace with blanks around it by that, since an
    /// address cannot say them.
    fn member(self, newest: &'index Operation) -> (&'static str, &'index str) {
        match self {
            Self::Trace(trace) if !trace.is_empty() && trace.trim() == trace => ("trace", trace),
            Self::Trace(_) | Self::Entry(_) => ("entry", newest.view.entry.as_deref().unwrap_or_default()),
        }
    }
}

/// What a row says of a lineage.
#[derive(Debug, Default)]
struct Told<'index> {
    newest: Option<&'index Operation>,
    oldest: Option<&'index Operation>,
    count: usize,
    workloads: Vec<&'index str>,
    /// The same, to be found.
    named: HashSet<&'index str>,
    taints: BTreeSet<&'index str>,
    trust: Option<i64>,
    /// How many ended in another way than they should: the look and the name of it.
    ends: BTreeMap<(&'static str, &'index str), usize>,
    /// How many ended as they should.
    complete: usize,
}

/// The list, with how many lineages fit.
pub(crate) fn list(index: &Index, asked: &Asked) -> Markup {
    let fits = |operation: &&Operation| operation.view.fits(&asked.query);
    let fitting: HashSet<Key<'_>> = index.operations().filter(fits).map(Key::of).collect();
    // By what a row shows, which is the newest of a lineage, and not the newest of it that fits.
    let mut listed = HashSet::new();
    let newest = index.operations().map(Key::of);
    let keys: Vec<Key<'_>> = newest.filter(|key| fitting.contains(key) && listed.insert(*key)).collect();
    let shown: HashMap<Key<'_>, usize> = keys
        .iter()
        .skip(page_of(asked, keys.len(), EACH) * EACH)
        .take(EACH)
        .enumerate()
        .map(|(at, key)| (*key, at))
        .collect();
    let mut told: Vec<Told<'_>> = shown.iter().map(|_| Told::default()).collect();
    for operation in index.operations() {
        if let Some(told) = shown.get(&Key::of(operation)).and_then(|at| told.get_mut(*at)) {
            told.add(operation);
        }
    }
    html! {
        (form(asked, "/"))
        div #list aria-live="off" {
            @if told.is_empty() {
                p .note { @if asked.is_search() { "No lineage fits." } @else { "No lineage is recorded." } }
            } @else {
                div .scroll tabindex="0" role="region" aria-label="lineages" {
                    table {
                        caption { (keys.len()) @if keys.len() == 1 { " lineage" } @else { " lineages" } @if asked.is_search() { " that fit" } ", the newest first" }
                        thead { tr {
                            @for name in ["last record", "lineage", "on behalf of", "workloads", "trust", "taints", "entries", "came of it"] {
                                th scope="col" { (name) }
                            }
                        } }
                        tbody { @for told in &told { (told.row()) } }
                    }
                }
                (turning(asked, "/", keys.len(), EACH))
            }
            (left_out(index.operations_left_out(), "operations"))
        }
    }
}

impl<'index> Told<'index> {
    /// Takes an entry that is older than those before.
    fn add(&mut self, operation: &'index Operation) {
        self.newest.get_or_insert(operation);
        self.oldest = Some(operation);
        self.count += 1;
        let view = &operation.view;
        if let Some(workload) = view.workload.as_deref().filter(|it| self.named.insert(it)) {
            self.workloads.push(workload);
        }
        self.taints.extend(view.taints.iter().map(String::as_str));
        self.trust = self.trust.into_iter().chain(view.trust_score).min();
        let name = match &operation.end {
            Some(end) if look(end) == "good" => {
                self.complete += 1;
                return;
            }
            Some(end) => (look(end), end.ending.as_str()),
            None if view.kind == "signed" => ("open", "no end recorded"),
            None => return,
        };
        *self.ends.entry(name).or_default() += 1;
    }

    fn row(&self) -> Markup {
        let (Some(newest), Some(oldest)) = (self.newest, self.oldest) else { return Markup::default() };
        let key = Key::of(newest);
        let (name, value) = key.member(newest);
        let operations = [oldest, newest].map(|it| it.view.operation.as_deref().unwrap_or("unreadable"));
        html! {
            tr data-key=(key.value()) {
                td .when { (shown_time(newest.view.at)) }
                td .what {
                    a href=(link("/lineage", [(name, value)])) {
                        (text(operations[0]))
                        @if self.count > 1 { " to " (text(operations[1])) }
                    }
                    " " span .quiet { (name) " " code { (text(&value.chars().take(12).collect::<String>())) } }
                }
                td { (facts(&newest.view)) }
                td { (names(self.workloads.iter().rev().copied())) }
                td .number { @if let Some(trust) = self.trust { (trust) } }
                td { (names(self.taints.iter().copied())) }
                td .number { (self.count) }
                td { (self.came_of_it()) }
            }
        }
    }

    fn came_of_it(&self) -> Markup {
        html! {
            @if self.ends.is_empty() && self.complete > 0 { span .good { "complete" } }
            @if self.ends.is_empty() && self.complete == 0 { span .open { "no end recorded here" } }
            @for ((look, name), count) in self.ends.iter().take(NAMES) {
                span class=(look) { (text(name)) @if *count > 1 { " \u{d7}" (count) } } " "
            }
            @if self.ends.len() > NAMES { span .quiet { "and " (self.ends.len() - NAMES) " more" } }
        }
    }
}

/// Some names, and how many more there are.
fn names<'it, Names: ExactSizeIterator<Item = &'it str>>(names: Names) -> Markup {
    let more = names.len().saturating_sub(NAMES);
    html! {
        @for name in names.take(NAMES) { (text(name)) " " }
        @if more > 0 { span .quiet { "and " (more) " more" } }
    }
}

#[cfg(test)]
mod tests {
    use kest_core::entry::EntryHash;

    use super::*;
    use crate::audit::view::View;

    fn index(entries: &[(u64, &str, &str)]) -> Index {
        let mut index = Index::default();
        for (at, trace, name) in entries {
            let text = |text: &str| Some(text.to_owned());
            let hash = EntryHash::of(&format!("{at}"));
            let entry = Some(hash.to_hex());
            let view = View { at: *at, entry, trace: text(trace), operation: text(name), ..View::default() };
            index.operation(Operation { view, hash, place: ((uuid::Uuid::nil(), 1), *at), end: None });
        }
        index
    }

    /// Failure: of a lineage that fits by an old entry the newest time is shown, and the list is in another order than that.
    #[test]
    fn rows_are_in_the_order_of_the_times_that_they_show() {
        let index = index(&[(1, "old", "pay"), (2, "other", "pay"), (3, "old", "close"), (4, "none", "x")]);
        let shown = list(&index, &Asked::read("operation=pay").unwrap()).0;
        let places = ["data-key=\"old\"", "data-key=\"other\""].map(|row| shown.find(row).unwrap());
        assert!(places[0] < places[1] && !shown.contains("data-key=\"none\""), "{shown}");
        assert!(shown.contains("2 lineages that fit"), "{shown}");
    }
}
