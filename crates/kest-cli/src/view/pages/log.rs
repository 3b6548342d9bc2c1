//! What the log lacks: each writer's answer, and every fault by its place.

use kest_audit::{Answer, Fault, Report, WriterReport};
use maud::{Markup, html};

use super::text;
use crate::view::asked::shown_time;
use crate::view::judge::Judged;

/// Faults that are shown; more are counted.
const MOST: usize = 200;

/// What was found, and when.
pub(crate) fn found(judged: &Judged, unreadable: u64) -> Markup {
    let (read, whole) = judged.progress();
    html! {
        div #list {
            @match judged.found() {
                None => p .note { strong { "Checking. " } (read) " of " (whole) " bytes so far." },
                Some(found) => {
                    p .quiet { "Checked as it was at " (shown_time(found.at)) ", in " (found.took.as_millis()) " ms. It is checked again as it grows." }
                    @match &found.report {
                        Err(error) => p .note .bad role="alert" { strong { "The log could not be checked: " } (text(error)) },
                        Ok(report) => { (writers(report)) (faults(report)) }
                    }
                }
            }
            @if unreadable > 0 { p .note .bad { (unreadable) " lines are no records." } }
            h2 { "What this means" }
            ul .said {
                li { strong { "complete" } ": every record is there, in order and unchanged, and every entry holds under the keys that this page was given." }
                li { strong { "gap" } ": something is missing, changed, doubled, or does not hold." }
                li { strong { "unknown before" } ": complete from there on; what was before was deleted in order." }
                li { strong { "no record" } ": the writer was killed as it began, or its files were emptied; where a later writer saw a record of it, that is a gap." }
                li { "Whether the end was cut off, a log alone cannot know: keep checkpoints elsewhere, and check with " code { "kest audit verify --checkpoint" } "." }
            }
        }
    }
}

fn writers(report: &Report) -> Markup {
    html! {
        h2 { "Writers" }
        div .scroll tabindex="0" role="region" aria-label="writers" {
            table {
                caption { (report.writers.len()) @if report.writers.len() == 1 { " writer" } @else { " writers" } ", in the order in which they began" }
                thead { tr {
                    @for name in ["writer", "service", "answer", "records", "sealed before", "entries that hold", "state", "lost", "torn bytes"] { th scope="col" { (name) } }
                } }
                tbody { @for writer in &report.writers { (row(writer)) } }
            }
        }
    }
}

fn row(writer: &WriterReport) -> Markup {
    let (look, answer) = match writer.answer {
        Answer::Complete => ("good", "complete".to_owned()),
        Answer::UnknownBefore => ("open", format!("unknown before {}", writer.first)),
        Answer::Empty => ("open", "no record".to_owned()),
        Answer::Gap | _ => ("bad", writer.answer.as_str().to_owned()),
    };
    html! {
        tr data-key=(writer.writer) {
            td { code { (writer.writer) } }
            td { @if let Some(service) = &writer.service { (text(service)) } @else { span .quiet { "unknown" } } }
            td { span class=(look) { (answer) } }
            td .number { (writer.first) " to " (writer.last) }
            td .number { (writer.sealed) }
            td .number { (writer.entries) }
            td { (writer.state.as_str()) }
            td .number { @if writer.lost > 0 { span .bad { (writer.lost) } } @else { "0" } }
            td .number { (writer.torn) }
        }
    }
}

fn faults(report: &Report) -> Markup {
    html! {
        h2 { "Gaps and faults" }
        @if report.fault_count == 0 { p .note { "Nothing is missing, and nothing was changed." } }
        @else {
            div .scroll tabindex="0" role="region" aria-label="faults" {
                table {
                    caption { (report.fault_count) @if report.fault_count == 1 { " fault" } @else { " faults" } }
                    thead { tr { @for name in ["fault", "at record", "of writer", "file and line"] { th scope="col" { (name) } } } }
                    tbody { @for fault in report.faults.iter().take(MOST) { (fault_row(fault)) } }
                }
            }
            @if report.fault_count > u64::try_from(MOST).unwrap_or(u64::MAX) { p .quiet { "The first " (MOST) " are shown: " code { "kest audit verify" } " names more." } }
        }
    }
}

fn fault_row(fault: &Fault) -> Markup {
    html! {
        tr data-key={ (fault.writer) "." (fault.seq) "." (fault.kind.as_str()) } {
            td { span .bad { (fault.kind.as_str()) } @if let Some(cause) = fault.cause { " " span .quiet { (cause) } } }
            td .number { (fault.seq) }
            td { code { (fault.writer) } }
            td { @if let Some((file, line)) = &fault.place { (text(&file.display().to_string())) ":" (line) } }
        }
    }
}
