//! Follows a log as it grows, and keeps at hand what the page shows of it.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
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

/// A file of the log: the writer, and its number.
type File = (Uuid, u32);

/// What is known of a log, for all who ask.
#[derive(Debug, Default)]
pub(crate) struct Known {
    index: RwLock<Index>,
    state: RwLock<Following>,
}

/// How far the log was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Following {
    /// All that was there once is read, but for what cannot be.
    pub(crate) caught_up: bool,
    /// What of the log cannot be read, and why.
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

/// Reads the log, and what comes, until the program ends, which does not wait for it.
pub(crate) fn follow(log: Log, known: &Arc<Known>) -> io::Result<JoinHandle<()>> {
    let known = Arc::clone(known);
    std::thread::Builder::new().name("kest-view-follow".to_owned()).spawn(move || {
        let mut seen = HashMap::new();
        loop {
            // New writers and new files come too.
            let read = log.again().map(|log| more(&log, &known, &mut seen));
            let before = known.following().caught_up;
            let caught_up = read.is_ok() || before;
            let trouble = read.unwrap_or_else(|error| Some(with_causes(&error)));
            if caught_up && !before {
                let records = known.ask(|index| index.records);
                let but = if trouble.is_some() { ", but for what cannot be" } else { "" };
                output::say(&format!("all of the log is read{but}: {records} records"));
            }
            known.tell(Following { caught_up, trouble });
            std::thread::sleep(BETWEEN);
        }
    })
}

/// Reads what came since the last look. A file that cannot be read holds up no other; says which those are.
fn more(log: &Log, known: &Known, seen: &mut HashMap<File, u64>) -> Option<String> {
    let files: Vec<_> = log.files().collect();
    // What was deleted will not come back, and its place need not be remembered.
    seen.retain(|file, _| files.contains(file));
    let mut failed = 0;
    let mut first = None;
    // The newest first: of a long log they are what is looked at.
    for file in files.into_iter().rev() {
        match more_of(log, file, known, seen) {
            // Deleted since it was found: what it had is gone with it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                failed += 1;
                let (writer, number) = file;
                first.get_or_insert_with(|| {
                    format!("file {number} of writer {writer}: {}", with_causes(&error))
                });
            }
            Ok(()) => {}
        }
    }
    let first = first?;
    Some(if failed == 1 { first } else { format!("{failed} files, such as {first}") })
}

fn more_of(log: &Log, file: File, known: &Known, seen: &mut HashMap<File, u64>) -> io::Result<()> {
    let mut lines = log.lines_from(file, seen.get(&file).copied().unwrap_or_default());
    loop {
        let mut failed = None;
        let read =
            lines.by_ref().take(AT_ONCE).map_while(|line| line.map_err(|error| failed = Some(error)).ok());
        let read: Vec<RawLine> = read.collect();
        if read.is_empty() && failed.is_none() {
            return Ok(());
        }
        let mut index = known.index.write().unwrap_or_else(PoisonError::into_inner);
        for line in read {
            let byte = seen.insert(file, line.next).unwrap_or_default();
            take(&mut index, &line, (file, byte));
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
}

fn take(index: &mut Index, line: &RawLine, place: (File, u64)) {
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
        Record::Finished { content_hash, ending, entry, millis, status_class } => {
            if let Ok(hash) = entry.parse() {
                let content = content_hash.as_ref().and_then(|content| content.parse().ok());
                let (ending, writer) = (ending.clone().into_owned(), read.writer);
                let (millis, status_class) = (*millis, *status_class);
                index.finished(&hash, End { ending, millis, status_class, content, writer });
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
