//! The folder of a log: whose files lie there, how far each writer came, and the one that a writer appends to.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::lines::Lines;
use crate::place::{Append, Batch, CommitError, ReadParts, Tail};
use crate::read::RawLine;
use crate::record::LINE_BYTES;
use crate::segment::Segment;

/// The files of each writer, by number; writers in the order in which they began.
type Writers = BTreeMap<Uuid, BTreeMap<u32, PathBuf>>;

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
fn writers(folder: &Path) -> io::Result<Writers> {
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
fn tail(files: &BTreeMap<u32, PathBuf>) -> io::Result<Option<Tail>> {
    let mut after = 0;
    let mut state = State::Crashed;
    for path in files.values().rev() {
        let mut file = File::open(path)?;
        if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            state = State::Live;
        }
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
        return Ok(Tail::of(last, lines.next(), state).map(|tail| Tail { torn, ..tail }));
    }
    Ok(None)
}

/// A folder that is read: what lay there at one time.
#[derive(Debug)]
pub(crate) struct Found(Writers);

impl Found {
    pub(crate) fn in_folder(folder: &Path) -> io::Result<Self> {
        writers(folder).map(Self)
    }
}

impl ReadParts for Found {
    fn parts(&self) -> io::Result<Vec<(Uuid, u32)>> {
        let files = self.0.iter();
        Ok(files.flat_map(|(writer, files)| files.keys().map(|number| (*writer, *number))).collect())
    }

    fn lines(
        &self,
        (writer, number): (Uuid, u32),
        from: u64,
    ) -> Box<dyn Iterator<Item = io::Result<RawLine>> + '_> {
        let path = self.0.get(&writer).and_then(|files| files.get(&number));
        Box::new(path.into_iter().flat_map(move |path| Lines::open(path.clone(), from)))
    }

    fn tail(&self, writer: Uuid) -> io::Result<Option<Tail>> {
        self.0.get(&writer).map_or(Ok(None), tail)
    }

    fn bytes(&self) -> u64 {
        let files = self.0.values().flat_map(BTreeMap::values);
        files.filter_map(|path| std::fs::metadata(path).ok()).map(|found| found.len()).sum()
    }
}

/// A folder that a writer has files of its own in.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: PathBuf,
    segment: Option<Segment>,
}

impl Folder {
    /// Makes the folder where it is missing.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        create(&folder)?;
        Ok(Self { folder, segment: None })
    }

    /// Its disk is full from now on.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn fill(&mut self) {
        self.segment = Some(Segment::full());
    }
}

impl Append for Folder {
    fn latest(&mut self, most: usize) -> io::Result<Vec<(Uuid, Tail)>> {
        let mut latest = Vec::new();
        for (writer, files) in writers(&self.folder)?.iter().rev().take(most) {
            latest.extend(tail(files)?.map(|tail| (*writer, tail)));
        }
        Ok(latest)
    }

    fn begin(&mut self, (writer, number): (Uuid, u32), batch: &Batch<'_>) -> Result<(), CommitError> {
        let mut segment = Segment::create(&self.folder, writer, number).map_err(CommitError::Undone)?;
        if let Err(CommitError::Undone(error) | CommitError::Unknown(error)) = segment.commit(batch.lines) {
            // A file that stays would end the chain: the next records go to a new writer then. Readers see a file without a record.
            let removed = std::fs::remove_file(self.folder.join(file_name(writer, number)));
            return Err(match removed {
                Ok(()) => CommitError::Undone(error),
                Err(_stays) => CommitError::Unknown(error),
            });
        }
        self.segment = Some(segment);
        Ok(())
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), CommitError> {
        let missing = || CommitError::Unknown(io::ErrorKind::NotFound.into());
        let kept = self.segment.as_mut().ok_or_else(missing)?.commit(batch.lines);
        // Nothing more comes: others shall not take its writer for one that lives.
        if let Err(CommitError::Unknown(_)) = &kept {
            self.segment = None;
        }
        kept
    }
}
