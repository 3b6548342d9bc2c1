//! The newest refusals: at which step, of what kind, and who asked where that was proved.

use maud::{Markup, html};

use super::form::{form, page_of, turning};
use super::lineages::EACH;
use super::{facts, left_out, text};
use crate::view::asked::{Asked, shown_time};
use crate::view::index::Index;

/// The list, with how many fit.
pub(crate) fn list(index: &Index, asked: &Asked) -> Markup {
    let fitting = || index.refusals().filter(|view| view.fits(&asked.query));
    let count = fitting().count();
    html! {
        (form(asked, "/refusals"))
        div #list {
            @if count == 0 {
                p .note { @if asked.is_search() { "No refusal fits." } @else { "No refusal is recorded." } }
            } @else {
                div .scroll tabindex="0" role="region" aria-label="refusals" {
                    table {
                        caption { (count) @if count == 1 { " refusal" } @else { " refusals" } @if asked.is_search() { " that fit" } ", the newest first" }
                        thead { tr {
                            @for name in ["time", "refused", "step", "operation", "on behalf of", "called by"] { th scope="col" { (name) } }
                        } }
                        tbody {
                            @for view in fitting().skip(page_of(asked, count, EACH) * EACH).take(EACH) {
                                tr data-key={ (view.writer) "." (view.seq) } {
                                    td .when { (shown_time(view.at)) }
                                    td { span .bad { (text(view.refusal.as_deref().unwrap_or_default())) }
                                        @if let Some(cause) = &view.cause { " " span .quiet { (text(cause)) } } }
                                    td { (text(view.step.as_deref().unwrap_or_default())) }
                                    td { @if let Some(operation) = &view.operation { (text(operation)) } }
                                    td { (facts(view)) }
                                    td { @if let Some(workload) = &view.workload { (text(workload)) } }
                                }
                            }
                        }
                    }
                }
                (turning(asked, "/refusals", count, EACH))
            }
            (left_out(index.refusals_left_out(), "refusals"))
            p .quiet { "A refusal names people and workloads only where that was proved before it. Of very many in a second the log keeps the first and counts the rest." }
        }
    }
}
