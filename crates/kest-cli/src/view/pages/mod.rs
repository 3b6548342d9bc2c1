//! The pages, written as elements: a stranger's text cannot become one.

mod form;
mod frame;
pub(crate) mod lineages;
pub(crate) mod log;
pub(crate) mod records;
pub(crate) mod refusals;

use maud::{Markup, html};

use crate::audit::view::View;
use crate::view::index::End;

pub(crate) use frame::page;

/// A stranger's text: what would hide, reorder or move anything is spelled out.
pub(crate) fn text(text: &str) -> Markup {
    html! { bdi { (kest_graph::shown(text)) } }
}

/// On whose behalf.
fn facts(view: &View) -> Markup {
    let named =
        [("user", &view.user), ("agent", &view.agent), ("task", &view.task), ("tenant", &view.tenant)];
    html! {
        @for (name, value) in named {
            @if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                span .fact { span .quiet { (name) } " " (text(value)) } " "
            }
        }
    }
}

/// How an operation ended, and whether that was as it should be: for a look, never for a decision.
fn look(end: &End) -> &'static str {
    match (end.ending.as_str(), end.status_class) {
        ("complete", Some(5)) => "open",
        ("complete", _) => "good",
        // Its admission was let go of: what became of it, the log was not told.
        ("released", _) => "plain",
        _ => "bad",
    }
}

/// What is not at hand.
fn left_out(count: u64, what: &str) -> Markup {
    html! {
        @if count > 0 {
            p .note { (count) " older " (what) " are in the log and not at hand here: " code { "kest audit query" } " searches all of it." }
        }
    }
}
