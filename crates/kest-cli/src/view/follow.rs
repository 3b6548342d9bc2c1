//! Follows a log as it grows, and keeps at hand what the page shows of it.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kest_audit::{Log, RawLine, Record};
use uuid::Uuid;

use super::index::{End, Index, Operation};
use crate::audit::view::View;
use crate::output::{self, with_causes};

/// Time between two looks at the log.
const BETWEEN: Duration = Duration::from_millis(250);
/// Records that are read at once, while pages wait.
const AT_ONCE: usize = 512;

/// What is known of a log, for all who ask.
#[derive(Debug, Default)]
pub(crate) struct Known {
    index: RwLock<Index>,
    state: RwLock<Following>,
}

/// How far the log was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Following {
    /// All that was there once is read.
    pub(crate) caught_up: bool,
    /// The log cannot be read any more, and why.
    pub(crate) trouble: Option<String>,
}

impl Known {
    /// Asks the index; it does not change meanwhile.
    pub(crate) fn ask<Answer>(&self, question: impl FnOnce(&Index) -> Answer) -> Answer {
        question(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn following(&self) -> Following {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, following: Following) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = following;
    }
}

/// Reads the log, and what comes, until the program ends.
pub(crate) fn follow(log: Log, known: &Arc<Known>) -> io::Result<()> {
    let known = Arc::clone(known);
    std::thread::Builder::new().name("kest-view-follow".to_owned()).spawn(move || {
        let mut seen = HashMap::new();
        loop {
            // New writers and new files come too.
            let read = log.again().and_then(|log| more(&log, &known, &mut seen));
            let read = read.map_err(|error| with_causes(&error));
            let before = known.following().caught_up;
            let caught_up = read.is_ok() || before;
            if caught_up && !before {
                let records = known.ask(|index| index.records);
                output::say(&format!("all of the log is read: {records} records"));
            }
            known.tell(Following { caught_up, trouble: read.err() });
            std::thread::sleep(BETWEEN);
        }
    })?;
    Ok(())
}

/// Reads what came since the last look.
fn more(log: &Log, known: &Known, seen: &mut HashMap<(Uuid, u32), u64>) -> io::Result<()> {
    let files: Vec<_> = log.files().collect();
    // What was deleted will not come back, and its place need not be remembered.
    seen.retain(|file, _| files.contains(file));
    // The newest first: of a long log they are what is looked at.
    for file in files.into_iter().rev() {
        let mut lines = log.lines_from(file, seen.get(&file).copied().unwrap_or_default());
        loop {
            let read: io::Result<Vec<RawLine>> = lines.by_ref().take(AT_ONCE).collect();
            let read = match read {
                // Deleted since it was found: what it had is gone with it.
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                read => read?,
            };
            if read.is_empty() {
                break;
            }
            let mut index = known.index.write().unwrap_or_else(PoisonError::into_inner);
            for line in read {
                let byte = seen.insert(file, line.next).unwrap_or_default();
                take(&mut index, &line, (file, byte));
            }
        }
    }
    Ok(())
}

fn take(index: &mut Index, line: &RawLine, place: ((Uuid, u32), u64)) {
    if !line.whole && line.next == place.1 {
        // Its end has not come yet.
        return;
    }
    let Some(read) = Some(line).filter(|line| line.whole).and_then(|line| line.read().ok()) else {
        index.unreadable += 1;
        return;
    };
    index.records += 1;
    let view = View::of(&read);
    match &read.record {
        Record::Signed { .. } | Record::Carried { .. } => {
            if let Some(hash) = view.entry.as_ref().and_then(|hash| hash.parse().ok()) {
                index.operation(Operation { view, hash, place, end: None });
            }
        }
        Record::Refused(_) => index.refusal(view),
        Record::Finished { ending, entry, millis, status_class, .. } => {
            if let Ok(hash) = entry.parse() {
                let ending = ending.clone().into_owned();
                index.finished(&hash, End { ending, millis: *millis, status_class: *status_class });
            }
        }
        // What a log says of itself is for `judge` to say.
        Record::Start(_)
        | Record::Segment { .. }
        | Record::Lost { .. }
        | Record::InForce { .. }
        | Record::Removed { .. }
        | Record::Checkpoint { .. }
        | Record::End {}
        | _ => {}
    }
}
