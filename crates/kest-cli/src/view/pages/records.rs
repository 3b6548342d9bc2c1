//! The entries of one lineage as records: when, by which workload, with which end.

use std::collections::HashSet;

use kest_core::entry::EntryHash;
use maud::{Markup, html};

use super::{facts, look, text};
use crate::view::asked::{link, shown_time};
use crate::view::index::{Index, Operation};
use crate::view::lineage::Gathered;

/// The table of these entries, the oldest first.
pub(crate) fn table(index: &Index, gathered: &Gathered) -> Markup {
    let hashes = &gathered.hashes;
    let wanted: HashSet<&EntryHash> = hashes.iter().collect();
    let mut found: Vec<&Operation> = hashes.iter().filter_map(|hash| index.get(hash)).collect();
    found.sort_by_key(|operation| (operation.view.at, operation.hash.to_hex()));
    let absent: HashSet<EntryHash> = found
        .iter()
        .flat_map(|operation| &operation.view.parents)
        .filter(|parent| !wanted.contains(parent))
        .copied()
        .collect();
    html! {
        div #list {
            div .scroll tabindex="0" role="region" aria-label="entries" {
                table {
                    caption { (found.len()) @if found.len() == 1 { " entry" } @else { " entries" } ", the oldest first" }
                    thead { tr {
                        @for name in ["time", "operation", "workload", "on behalf of", "trust", "taints", "end", "content", "entry"] { th scope="col" { (name) } }
                    } }
                    tbody { @for operation in &found { (row(operation, gathered.contents.get(&operation.hash))) } }
                }
            }
            @if gathered.shortened {
                p .note { "Older entries are left out: the lineage is longer than a passport may be." }
            }
            @if found.len() < hashes.len() {
                p .note { (hashes.len() - found.len()) " older entries are in the log and not at hand here: they are in the picture." }
            }
            // What was left out is in the log, and looks absent from here.
            @if !absent.is_empty() && !gathered.shortened {
                p .note .bad {
                    strong { (absent.len()) " of the entries that these follow " @if absent.len() == 1 { "is" } @else { "are" } " not in the log" }
                    ": deleted in order, lost, or never recorded."
                }
            }
        }
    }
}

fn row(operation: &Operation, gave: Option<&EntryHash>) -> Markup {
    let view = &operation.view;
    let entry = view.entry.as_deref().unwrap_or_default();
    html! {
        tr data-key=(entry) {
            td .when { (shown_time(view.at)) }
            td .what { (text(view.operation.as_deref().unwrap_or("unreadable"))) @if view.kind == "carried" { " " span .quiet { "as carried by another" } } }
            td { @if let Some(workload) = &view.workload { (text(workload)) } }
            td { (facts(view)) }
            td .number { @if let Some(trust) = view.trust_score { (trust) } }
            td { @for taint in &view.taints { (text(taint)) " " } }
            td {
                @match &operation.end {
                    Some(end) => {
                        span class=(look(end)) { (text(&end.ending)) }
                        " " span .quiet { @if let Some(class) = end.status_class { (class) "xx, " } (end.millis) " ms" }
                    }
                    None => span .open { @if view.kind == "signed" { "no end recorded" } },
                }
            }
            td {
                @if let Some(content) = view.content_hash.as_deref() { code { (text(content)) } " " span .quiet { "signed" } " " }
                @if let Some(content) = gave { code { (text(&content.to_hex())) } " " span .quiet { "recorded with its end" } }
            }
            td { a href=(link("/lineage", [("entry", entry)])) { code { (text(&entry.chars().take(12).collect::<String>())) } } }
        }
    }
}
