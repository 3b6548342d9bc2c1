//! Reads a log: all writers of a folder, line by line, whatever is wrong with it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kest_core::entry::EntryHash;
use uuid::Uuid;

use crate::folder::{self, State, Writers};
use crate::record::{LINE_BYTES, Line, LineError};

/// The log in a folder, as it lay there when it was opened.
#[derive(Debug, Clone)]
pub struct Log {
    writers: Arc<Writers>,
}

/// A line as it stands in a file; nothing about it is proved.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawLine {
    /// The file.
    pub file: Arc<Path>,
    /// Which line, from 1.
    pub number: u64,
    /// Its bytes, without the line's end.
    pub bytes: Vec<u8>,
    /// Whether its end is there, and it is not too long.
    pub whole: bool,
    /// Where in the file the next line begins; where this one does, while its end is not there.
    pub next: u64,
}

impl RawLine {
    /// The record in it.
    ///
    /// # Errors
    ///
    /// [`LineError`] for what this library would not have written.
    pub fn read(&self) -> Result<Line<'_>, LineError> {
        Line::read(&self.bytes)
    }
}

impl Log {
    /// The log in `folder`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { writers: Arc::new(folder::writers(folder.as_ref())?) })
    }

    /// The writers, in the order in which they began.
    pub fn writers(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.writers.keys().copied()
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let files = self.writers.values().flat_map(BTreeMap::values);
        files.filter_map(|path| std::fs::metadata(path).ok()).map(|found| found.len()).sum()
    }

    /// Every line, writer by writer, each in its order.
    pub fn lines(&self) -> impl Iterator<Item = io::Result<RawLine>> + '_ {
        self.writers().flat_map(|writer| self.lines_of(writer))
    }

    /// The lines of one writer.
    pub fn lines_of(&self, writer: Uuid) -> impl Iterator<Item = io::Result<RawLine>> + '_ {
        let files = self.writers.get(&writer).into_iter().flat_map(BTreeMap::values);
        files.flat_map(|path| Lines::open(path.clone()))
    }

    /// The files, by writer and number, in their order.
    pub fn files(&self) -> impl Iterator<Item = (Uuid, u32)> + '_ {
        self.writers.iter().flat_map(|(writer, files)| files.keys().map(|number| (*writer, *number)))
    }

    /// The lines of one file from this byte on, at which a line begins: those that came since a reader was here.
    pub fn lines_from(
        &self,
        (writer, number): (Uuid, u32),
        byte: u64,
    ) -> impl Iterator<Item = io::Result<RawLine>> + '_ {
        let path = self.writers.get(&writer).and_then(|files| files.get(&number));
        path.into_iter().flat_map(move |path| Lines::open_from(path.clone(), byte))
    }

    pub(crate) fn files_of(&self, writer: Uuid) -> impl Iterator<Item = (u32, &PathBuf)> {
        self.writers.get(&writer).into_iter().flatten().map(|(number, path)| (*number, path))
    }

    pub(crate) fn state_of(&self, writer: Uuid) -> io::Result<Option<State>> {
        let files = self.writers.get(&writer);
        Ok(files.map(folder::tail).transpose()?.flatten().map(|tail| tail.state))
    }

    /// The entry of this hash and all that it follows, in the order in which a passport has them; `None` where no writer has
    /// all of it. Signed by whom, and whether it holds, is for a [`Verifier`](kest_core::Verifier) to say.
    ///
    /// Memory holds one file at a time, and the passport.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn ancestors(&self, hash: EntryHash) -> io::Result<Option<Vec<String>>> {
        for files in self.writers.values() {
            let mut wanted = HashSet::from([hash]);
            let mut found: Vec<String> = Vec::new();
            let mut taken = HashSet::new();
            // From the end on: what an entry follows stands before it.
            for path in files.values().rev() {
                if found.len() == wanted.len() {
                    break;
                }
                let lines: Vec<RawLine> = Lines::open(path.clone()).collect::<io::Result<_>>()?;
                for line in lines.iter().rev() {
                    let Ok(read) = line.read() else { continue };
                    let Some(entry) = read.record.entry() else { continue };
                    let own = EntryHash::of(entry);
                    if wanted.contains(&own) && taken.insert(own) {
                        wanted.extend(parents_of(entry));
                        found.push(entry.to_owned());
                    }
                }
            }
            // Files that were deleted may have had the rest; another writer may have it still.
            if found.len() == wanted.len() {
                found.reverse();
                return Ok(Some(in_order(found)));
            }
        }
        Ok(None)
    }
}

/// Carried entries may stand behind others that they do not follow: parents first, and no parent twice.
fn in_order(entries: Vec<String>) -> Vec<String> {
    let places: HashMap<EntryHash, usize> =
        entries.iter().enumerate().map(|(place, entry)| (EntryHash::of(entry), place)).collect();
    let sorted = entries.iter().enumerate().all(|(place, entry)| {
        parents_of(entry).iter().all(|parent| places.get(parent).is_some_and(|before| *before < place))
    });
    if sorted {
        return entries;
    }
    let mut done = HashSet::new();
    let mut ordered = Vec::with_capacity(entries.len());
    let mut rest = entries;
    while !rest.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) = rest.into_iter().partition(|entry| {
            parents_of(entry).iter().all(|parent| done.contains(parent) || !places.contains_key(parent))
        });
        // A cycle cannot be made of hashes; what is left would be refused anyway.
        if ready.is_empty() {
            ordered.extend(waiting);
            break;
        }
        done.extend(ready.iter().map(|entry| EntryHash::of(entry)));
        ordered.extend(ready);
        rest = waiting;
    }
    ordered
}

/// What an entry claims to follow.
fn parents_of(compact: &str) -> Vec<EntryHash> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[derive(serde::Deserialize)]
    struct Follows {
        parent_ids: Vec<String>,
    }
    let payload = compact.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let follows = payload.and_then(|bytes| serde_json::from_slice::<Follows>(&bytes).ok());
    let parents = follows.map(|it| it.parent_ids).unwrap_or_default();
    parents.iter().filter_map(|parent| parent.parse().ok()).collect()
}

/// The lines of one file.
#[derive(Debug)]
pub(crate) struct Lines {
    reader: Option<BufReader<File>>,
    failed: Option<io::Error>,
    file: Arc<Path>,
    number: u64,
    next: u64,
}

impl Lines {
    pub(crate) fn open(path: PathBuf) -> Self {
        Self::open_from(path, 0)
    }

    fn open_from(path: PathBuf, from: u64) -> Self {
        let opened = File::open(&path).and_then(|mut file| file.seek(SeekFrom::Start(from)).map(|_| file));
        let (reader, failed) = match opened {
            Ok(file) => (Some(BufReader::with_capacity(LINE_BYTES, file)), None),
            Err(error) => (None, Some(error)),
        };
        Self { reader, failed, file: path.into(), number: 0, next: from }
    }

    fn read(&mut self) -> io::Result<Option<RawLine>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let mut bytes = Vec::new();
        let most = u64::try_from(LINE_BYTES).unwrap_or(u64::MAX);
        if reader.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let mut read = Some(length(&bytes));
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if !whole {
            let rest = if bytes.len() >= LINE_BYTES { skip_line(reader)? } else { None };
            read = rest.and_then(|rest| Some(rest + read?));
        }
        self.next += read.unwrap_or_default();
        Ok(Some(RawLine { file: Arc::clone(&self.file), number: self.number, bytes, whole, next: self.next }))
    }
}

/// What is longer than a line can be is one fault, and not many. Says how many bytes it has more, where it has an end.
fn skip_line(reader: &mut BufReader<File>) -> io::Result<Option<u64>> {
    let mut skipped = 0;
    loop {
        let held = reader.fill_buf()?;
        let end = held.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(held.len(), |end| end + 1);
        skipped += length(held.get(..used).unwrap_or_default());
        reader.consume(used);
        if end.is_some() || used == 0 {
            return Ok(end.map(|_| skipped));
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

impl Iterator for Lines {
    type Item = io::Result<RawLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let read = self.read();
        if read.is_err() {
            self.reader = None;
        }
        read.transpose()
    }
}
