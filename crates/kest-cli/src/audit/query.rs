//! `kest audit query`: the records of a log that fit.

use kest_audit::RawLine;

use super::flags::Query;
use super::view::View;
use super::{AuditError, open};
use crate::escape::Escaped;
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

/// Prints what fits. Whether any did is the answer.
pub(crate) fn run(query: &Query) -> Result<Answer, Failure> {
    let log = open(&query.log)?;
    let mut output = Output::open();
    let mut any = false;
    for line in log.lines() {
        any |= print(&line.map_err(AuditError::Unreadable)?, query, &mut output)?;
    }
    output.flush()?;
    Ok(if any { Answer::Yes } else { Answer::No })
}

/// Prints one line, if it fits.
pub(super) fn print(line: &RawLine, query: &Query, output: &mut Output) -> Result<bool, Failure> {
    let Ok(read) = line.read() else {
        output::say(&format!("{}:{} is no record: kest audit verify", line.file.display(), line.number));
        return Ok(false);
    };
    let view = View::of(&read);
    if !view.fits(query) {
        return Ok(false);
    }
    if query.json {
        output.json(&view)?;
    } else {
        output.line(&Escaped(&view.shown()).to_string())?;
    }
    Ok(true)
}
