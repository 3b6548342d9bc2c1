//! The folder of a log: whose files lie there, how far each writer came, and the one that a writer appends to.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::lines::Lines;
use crate::place::{Append, Batch, CommitError, ReadParts, Tail};
use crate::read::RawLine;
use crate::record::LINE_BYTES;
use crate::segment::Segment;

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

/// The files in `folder`, by writer and number; others are left alone.
fn files(folder: &Path) -> io::Result<Vec<(Uuid, u32)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        found.extend(entry?.file_name().to_str().and_then(parse));
    }
    found.sort_unstable();
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
fn tail(folder: &Path, writer: Uuid, numbers: &[u32]) -> io::Result<Option<Tail>> {
    let mut after = 0;
    let mut state = State::Crashed;
    for number in numbers.iter().rev() {
        let mut file = match File::open(folder.join(file_name(writer, *number))) {
            // Deleted in order since it was found.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
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

/// A folder that is read.
#[derive(Debug)]
pub(crate) struct Read(pub(crate) PathBuf);

impl ReadParts for Read {
    fn parts(&self) -> io::Result<Vec<(Uuid, u32)>> {
        files(&self.0)
    }

    fn lines(
        &self,
        (writer, number): (Uuid, u32),
        from: u64,
    ) -> Box<dyn Iterator<Item = io::Result<RawLine>> + '_> {
        Box::new(Lines::open(self.0.join(file_name(writer, number)), from))
    }

    fn tail(&self, writer: Uuid, parts: &[u32]) -> io::Result<Option<Tail>> {
        tail(&self.0, writer, parts)
    }

    fn bytes(&self) -> u64 {
        let files = files(&self.0).unwrap_or_default().into_iter();
        let paths = files.map(|(writer, number)| self.0.join(file_name(writer, number)));
        paths.filter_map(|path| std::fs::metadata(path).ok()).map(|found| found.len()).sum()
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
        let files = files(&self.folder)?;
        let mut latest = Vec::new();
        // Those without a record take no place of others.
        for files in files.chunk_by(|one, next| one.0 == next.0).rev() {
            if latest.len() == most {
                break;
            }
            let numbers: Vec<u32> = files.iter().map(|(_writer, number)| *number).collect();
            let Some((writer, _number)) = files.first() else { continue };
            latest.extend(tail(&self.folder, *writer, &numbers)?.map(|tail| (*writer, tail)));
        }
        Ok(latest)
    }

    fn begin(&mut self, (writer, number): (Uuid, u32), batch: &Batch<'_>) -> Result<(), CommitError> {
        let begun = Segment::create(&self.folder, writer, number).and_then(|mut segment| {
            let kept = segment.commit(batch.lines).map(|()| segment);
            kept.map_err(|error| {
                // Readers see a file without a record where it stays.
                let (CommitError::Undone(error) | CommitError::Unknown(error)) = error;
                let path = self.folder.join(file_name(writer, number));
                Segment::remove(&self.folder, &path, error)
            })
        });
        match begun {
            Ok(segment) => self.segment = Some(segment),
            Err(CommitError::Undone(error)) => return Err(CommitError::Undone(error)),
            Err(unknown) => {
                self.segment = None;
                return Err(unknown);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain;
    use crate::record::Record;

    /// Failure: a file is deleted in order while the folder is looked through, and a service does not start.
    #[test]
    fn file_that_is_gone_since_it_was_found_hides_none_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, mut lines) = (Uuid::from_u128(1), Vec::new());
        Chain::new(writer).append(&mut lines, 5, Record::End {}).unwrap();
        std::fs::write(folder.path().join(file_name(writer, 1)), lines).unwrap();
        let found = tail(folder.path(), writer, &[1, 2]).unwrap().unwrap();
        assert_eq!((found.seq, found.state), (0, State::Ended));
        assert!(tail(folder.path(), writer, &[3]).unwrap().is_none());
    }
}
