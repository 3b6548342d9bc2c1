//! Many passports, one a line: each gets its verdict, in order.

use super::line::Asked;
use super::progress::{Outcome, Progress};
use super::prove::Prover;
use super::verdict::Verdict;
use crate::arguments::{self, DialectName};
use crate::failure::{Answer, Failure};
use crate::input::{Line, Source};
use crate::output::Output;

/// Bytes of a line: a passport of the largest size that is accepted, its store, and room for more.
const LINE_BYTES: usize = 16 * 1024 * 1024;

/// Verifies line by line; memory does not grow with their number.
pub(crate) async fn run(prover: &Prover, arguments: arguments::Verify) -> Result<Answer, Failure> {
    let source = Source::named(arguments.file);
    let mut lines = source.lines(LINE_BYTES)?;
    let mut output = Output::open();
    let mut progress = Progress::start();
    loop {
        if lines.may_wait() {
            output.flush()?;
        }
        let Some(line) = lines.next().map_err(|cause| source.unreadable(cause))? else {
            break;
        };
        let (name, verdict) = match line {
            Line::Whole(line) if line.trim_ascii().is_empty() => continue,
            Line::Whole(line) => judge(prover, line, arguments.dialect).await,
            Line::TooLong => (None, Verdict::refuse("line_too_long")),
        };
        progress.count(if verdict.is_accepted() { Outcome::Accepted } else { Outcome::Refused });
        output.json(&verdict.named(name.as_deref()))?;
    }
    output.flush()?;
    Ok(if progress.finish() == 0 { Answer::Yes } else { Answer::No })
}

async fn judge(prover: &Prover, line: &[u8], allowed: DialectName) -> (Option<String>, Verdict) {
    let asked = match Asked::parse(line) {
        Ok(asked) => asked,
        Err(bad) => return (bad.name, Verdict::refuse("bad_line")),
    };
    let verdict = match asked.question(allowed, prover.limits()) {
        Ok(question) => prover.verdict(question).await,
        Err(kind) => Verdict::refuse(kind),
    };
    (asked.name, verdict)
}
