//! `kest audit verify`: whether a log is complete, and whether all in it holds.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kest_audit::{Fault, InForce, LogVerifier, Report, WriterReport};
use kest_core::passport::VerifySettings;
use kest_core::signature::Bundle;
use kest_core::{Limits, Verifier};
use serde::Serialize;

use super::flags::Verify;
use super::kept::Kept;
use super::{AuditError, open, ring};
use crate::escape::Escaped;
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::output::Output;

#[derive(Serialize)]
struct Told<'it> {
    verdict: &'static str,
    /// The digest of the keys that were given, as `in_force` has those that a writer went by.
    keys: Option<String>,
    records: u64,
    entries: u64,
    writers: Vec<ToldWriter<'it>>,
    faults: Vec<ToldFault<'it>>,
    fault_count: u64,
}

#[derive(Serialize)]
struct ToldWriter<'it> {
    writer: String,
    service: Option<&'it str>,
    answer: &'static str,
    first: u64,
    last: u64,
    sealed: u64,
    state: &'static str,
    torn: u64,
    entries: u64,
    lost: u64,
    in_force: Vec<ToldInForce<'it>>,
}

#[derive(Serialize)]
struct ToldInForce<'it> {
    seq: u64,
    at: u64,
    keys: Option<&'it str>,
    policies: Option<&'it str>,
}

#[derive(Serialize)]
struct ToldFault<'it> {
    writer: String,
    seq: u64,
    kind: &'static str,
    cause: Option<&'it str>,
    file: Option<String>,
    line: Option<u64>,
}

/// Reads all of it and says what is wrong.
pub(crate) async fn run(flags: Verify) -> Result<Answer, Failure> {
    let ring = ring(&flags.keys).await?;
    let keys = Bundle::digest(&ring).ok().map(|digest| digest.to_hex());
    let mut settings = VerifySettings::default();
    settings.dialect = flags.dialect.into();
    let mut verifier = LogVerifier::new(Verifier::with(settings), &ring);
    for file in flags.checkpoint {
        let note = Source::named(Some(file)).read(Limits::default().entry_bytes)?;
        verifier = verifier.checkpoint(String::from_utf8_lossy(&note));
    }
    let log = open(&flags.log)?;
    let mut kept = Kept::new(flags.resume);
    let mut verified = kept.read()?;
    let bar = progress(log.bytes());
    let report = verifier
        .resume(&log, &mut verified, |bytes| bar.inc(bytes), |grown| kept.keep_at(bar.position(), grown))
        .map_err(AuditError::Unreadable)?;
    bar.finish_and_clear();
    let mut output = Output::open();
    if flags.json {
        output.json(&told(&report, keys))?;
    } else {
        let writers = report.writers.iter().flat_map(|writer| {
            let went_by = writer.in_force.iter().map(|told| in_force_shown(writer, told, keys.as_deref()));
            std::iter::once(shown(writer)).chain(went_by)
        });
        for line in writers.chain(report.faults.iter().map(fault_shown)) {
            output.line(&Escaped(&line).to_string())?;
        }
    }
    output.flush()?;
    // What was found took long, and is said also where it cannot be kept.
    kept.close(&verified)?;
    Ok(if report.holds() { Answer::Yes } else { Answer::No })
}

fn progress(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}");
    style.map_or(ProgressBar::hidden(), |style| bar.with_style(style))
}

fn told(report: &Report, keys: Option<String>) -> Told<'_> {
    Told {
        verdict: if report.holds() { "accept" } else { "refuse" },
        keys,
        records: report.records(),
        entries: report.entries(),
        writers: report.writers.iter().map(told_writer).collect(),
        faults: report.faults.iter().map(told_fault).collect(),
        fault_count: report.fault_count,
    }
}

fn told_writer(writer: &WriterReport) -> ToldWriter<'_> {
    ToldWriter {
        writer: writer.writer.to_string(),
        service: writer.service.as_deref(),
        answer: writer.answer.as_str(),
        first: writer.first,
        last: writer.last,
        sealed: writer.sealed,
        state: writer.state.as_str(),
        torn: writer.torn,
        entries: writer.entries,
        lost: writer.lost,
        in_force: writer.in_force.iter().map(told_in_force).collect(),
    }
}

fn told_in_force(told: &InForce) -> ToldInForce<'_> {
    ToldInForce { seq: told.seq, at: told.at, keys: told.keys.as_deref(), policies: told.policies.as_deref() }
}

fn told_fault(fault: &Fault) -> ToldFault<'_> {
    ToldFault {
        writer: fault.writer.to_string(),
        seq: fault.seq,
        kind: fault.kind.as_str(),
        cause: fault.cause,
        file: fault.place.as_ref().map(|(file, _)| file.display().to_string()),
        line: fault.place.as_ref().map(|(_, line)| *line),
    }
}

fn shown(writer: &WriterReport) -> String {
    let WriterReport { first, last, sealed, .. } = writer;
    let service = writer.service.as_deref().unwrap_or("unknown service");
    let answer = match writer.answer {
        kest_audit::Answer::Complete => format!("complete from {first} to {last}"),
        kest_audit::Answer::UnknownBefore => {
            format!("complete from {first} to {last}, unknown before {first}")
        }
        kest_audit::Answer::Empty => "no record is there".to_owned(),
        kest_audit::Answer::Gap | _ => format!("gap between {first} and {last}"),
    };
    let lost = if writer.lost > 0 { format!(", {} lost and counted", writer.lost) } else { String::new() };
    let torn = if writer.torn > 0 { format!(", {} torn bytes", writer.torn) } else { String::new() };
    let state = writer.state.as_str();
    format!("{} {service}: {answer}, sealed before {sealed}, {state}{lost}{torn}", writer.writer)
}

fn in_force_shown(writer: &WriterReport, told: &InForce, given: Option<&str>) -> String {
    let digest = |of: &str, it: Option<&str>| it.map(|it| format!(" {of} {it}")).unwrap_or_default();
    let (keys, policies) =
        (digest("keys", told.keys.as_deref()), digest("policies", told.policies.as_deref()));
    let same = if told.keys.is_some() && told.keys.as_deref() == given {
        ", which are those of the bundle"
    } else {
        ""
    };
    format!("{} went by{keys}{policies} from record {} on{same}", writer.writer, told.seq)
}

fn fault_shown(fault: &Fault) -> String {
    let place = fault.place.as_ref().map(|(file, line)| format!(" ({}:{line})", file.display()));
    let cause = fault.cause.map(|cause| format!(" {cause}")).unwrap_or_default();
    let place = place.unwrap_or_default();
    format!("{} {} at record {}{cause}{place}", fault.writer, fault.kind.as_str(), fault.seq)
}
