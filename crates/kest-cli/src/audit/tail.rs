//! `kest audit tail`: the records of a log that fit, and those that come.

use std::collections::HashMap;
use std::time::Duration;

use kest_audit::Log;
use uuid::Uuid;

use super::flags::Query;
use super::{AuditError, open, query};
use crate::failure::{Answer, Failure};
use crate::output::Output;

/// Prints what is there and what comes, until it is interrupted.
pub(crate) async fn run(flags: &Query) -> Result<Answer, Failure> {
    let mut log = open(&flags.log)?;
    let mut seen = HashMap::new();
    loop {
        more(&log, flags, &mut seen)?;
        tokio::time::sleep(BETWEEN).await;
        // New writers and new files come too.
        log = log.again().map_err(AuditError::Unreadable)?;
    }
}

/// Prints what came since the last look.
fn more(log: &Log, flags: &Query, seen: &mut HashMap<(Uuid, u32), u64>) -> Result<(), Failure> {
    let mut output = Output::open();
    for file in log.files() {
        let next = seen.entry(file).or_default();
        for line in log.lines_from(file, *next) {
            let line = line.map_err(AuditError::Unreadable)?;
            if line.whole {
                query::print(&line, flags, &mut output)?;
            }
            *next = line.next;
        }
    }
    Ok(output.flush()?)
}

/// Time between two looks.
const BETWEEN: Duration = Duration::from_millis(250);
