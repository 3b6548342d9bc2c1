//! The folder of a log: whose files lie there, and how far each writer came.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::record::{LINE_BYTES, Line, Record};
use crate::tree::TreeHash;

/// The files of each writer, by number; writers in the order in which they began.
pub(crate) type Writers = BTreeMap<Uuid, BTreeMap<u32, PathBuf>>;

/// The name of a writer's file.
pub(crate) fn file_name(writer: Uuid, number: u32) -> String {
    format!("{writer}.{number:06}.jsonl")
}

/// Makes `folder`, so that it is still there after a loss of power: a name is durable when the folder around it is.
pub(crate) fn create(folder: &Path) -> io::Result<()> {
    let named = folder.ancestors().filter(|it| !it.as_os_str().is_empty());
    let missing: Vec<&Path> = named.take_while(|it| !it.exists()).collect();
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    for made in missing {
        let around = made.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(around)?.sync_all()?;
    }
    Ok(())
}

/// What lies in `folder`; other files are left alone.
pub(crate) fn writers(folder: &Path) -> io::Result<Writers> {
    let mut found = Writers::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let parsed = path.file_name().and_then(|name| parse(name.to_str()?));
        if let Some((writer, number)) = parsed {
            found.entry(writer).or_default().insert(number, path);
        }
    }
    Ok(found)
}

fn parse(name: &str) -> Option<(Uuid, u32)> {
    let (writer, number) = name.strip_suffix(".jsonl")?.split_once('.')?;
    let (writer, number) = (writer.parse().ok()?, number.parse().ok()?);
    (file_name(writer, number) == name).then_some((writer, number))
}

/// Where a writer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) seq: u64,
    pub(crate) hash: TreeHash,
    pub(crate) state: State,
    /// Bytes after the last whole line.
    pub(crate) torn: u64,
}

/// Whether more will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It ended in order.
    Ended,
    /// It holds its file.
    Live,
    /// It holds its file no more, and did not end in order.
    Crashed,
}

impl State {
    /// A stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Live => "live",
            Self::Crashed => "crashed",
        }
    }
}

/// The end of the last file of a writer that has a whole line.
pub(crate) fn tail(files: &BTreeMap<u32, PathBuf>) -> io::Result<Option<Tail>> {
    let mut after = 0;
    let mut live = false;
    for path in files.values().rev() {
        let mut file = File::open(path)?;
        live |= matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        let length = file.metadata()?.len();
        let window = u64::try_from(2 * LINE_BYTES).unwrap_or(u64::MAX);
        let start = length.saturating_sub(window);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(window).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let (lines, rest) = bytes.split_at(whole);
        let torn = u64::try_from(rest.len()).unwrap_or(u64::MAX) + after;
        let mut lines = lines.rsplit(|byte| *byte == b'\n').skip(1);
        let Some(last) = lines.next() else {
            after = torn;
            continue;
        };
        let Ok(line) = Line::read(last) else { return Ok(None) };
        let sealed = matches!(line.record, Record::Checkpoint { .. });
        let mut before = || lines.next().and_then(|line| Line::read(line).ok());
        let ended = matches!(line.record, Record::End {})
            || sealed && before().is_some_and(|line| matches!(line.record, Record::End {}));
        let state = match (ended, live) {
            (true, _) => State::Ended,
            (false, true) => State::Live,
            (false, false) => State::Crashed,
        };
        return Ok(Some(Tail { seq: line.seq, hash: TreeHash::of_line(last), state, torn }));
    }
    Ok(None)
}
