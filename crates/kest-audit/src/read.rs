//! Reads a log: all writers of a folder, line by line, whatever is wrong with it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use kest_core::entry::EntryHash;
use uuid::Uuid;

use crate::folder::{self, State};
use crate::lineage::PIECE_BYTES;
use crate::place::ReadParts;
use crate::record::{LINE_BYTES, Line, LineError};

/// A log as it lay there when it was opened: in a folder, or in another place.
#[derive(Debug, Clone)]
pub struct Log {
    place: Arc<dyn ReadParts>,
    /// The numbers of each writer's files; writers in the order in which they began.
    writers: Arc<BTreeMap<Uuid, Vec<u32>>>,
}

/// A line as it stands in a file; nothing about it is proved.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawLine {
    /// The file, or what another place calls the part.
    pub file: Arc<Path>,
    /// Which line, from 1; of a row, the number that it stands under.
    pub number: u64,
    /// Its bytes, without the line's end.
    pub bytes: Vec<u8>,
    /// Whether its end is there, and it is not too long.
    pub whole: bool,
    /// Where the next line begins; where this one does, while its end is not there. In a file that is a byte.
    pub next: u64,
}

impl RawLine {
    /// One that a place has as a whole, without an end of a line.
    #[must_use]
    pub fn new(file: Arc<Path>, number: u64, bytes: Vec<u8>, next: u64) -> Self {
        let whole = bytes.len() < LINE_BYTES;
        Self { file, number, bytes, whole, next }
    }

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
        Self::of(Arc::new(folder::Read(folder.as_ref().to_owned())))
    }

    /// The log in another place.
    ///
    /// # Errors
    ///
    /// When the place cannot be read.
    pub fn of(place: Arc<dyn ReadParts>) -> io::Result<Self> {
        let mut writers: BTreeMap<Uuid, Vec<u32>> = BTreeMap::new();
        let parts: BTreeSet<(Uuid, u32)> = place.parts()?.into_iter().collect();
        for (writer, number) in parts {
            writers.entry(writer).or_default().push(number);
        }
        Ok(Self { place, writers: Arc::new(writers) })
    }

    /// The same log as it lies there now, with writers and files that came since.
    ///
    /// # Errors
    ///
    /// When the place cannot be read.
    pub fn again(&self) -> io::Result<Self> {
        Self::of(Arc::clone(&self.place))
    }

    /// The writers, in the order in which they began.
    pub fn writers(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.writers.keys().copied()
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.place.bytes()
    }

    /// Every line, writer by writer, each in its order.
    pub fn lines(&self) -> impl Iterator<Item = io::Result<RawLine>> + '_ {
        self.files().flat_map(|file| self.place.lines(file, 0))
    }

    /// The lines of one writer.
    pub fn lines_of(&self, writer: Uuid) -> impl Iterator<Item = io::Result<RawLine>> + '_ {
        self.files_of(writer).flat_map(move |number| self.place.lines((writer, number), 0))
    }

    /// The files, by writer and number, in their order.
    pub fn files(&self) -> impl Iterator<Item = (Uuid, u32)> + '_ {
        self.writers.iter().flat_map(|(writer, files)| files.iter().map(|number| (*writer, *number)))
    }

    /// The lines of one file from where [`RawLine::next`] of an earlier one points: those that came since a reader was here.
    pub fn lines_from(&self, file: (Uuid, u32), from: u64) -> impl Iterator<Item = io::Result<RawLine>> + '_ {
        self.place.lines(file, from)
    }

    pub(crate) fn files_of(&self, writer: Uuid) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.writers.get(&writer).into_iter().flatten().copied()
    }

    pub(crate) fn state_of(&self, writer: Uuid) -> io::Result<Option<State>> {
        let parts = self.writers.get(&writer).map(Vec::as_slice).unwrap_or_default();
        Ok(self.place.tail(writer, parts)?.map(|tail| tail.state))
    }

    /// Whether a writer has begun another file since these were found.
    pub(crate) fn has_grown(&self, writer: Uuid) -> io::Result<bool> {
        let last = self.files_of(writer).next_back();
        let Some(next) = last.and_then(|last| last.checked_add(1)) else { return Ok(false) };
        match self.lines_from((writer, next), 0).next().transpose() {
            Ok(line) => Ok(line.is_some()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The entry of this hash and all that it follows, in the order in which a passport has them; `None` where no writer has
    /// all of it. Signed by whom, and whether it holds, is for a [`Verifier`](kest_core::Verifier) to say.
    ///
    /// Memory holds a part of a file at a time, and the passport.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn ancestors(&self, hash: EntryHash) -> io::Result<Option<Vec<String>>> {
        for writer in self.writers() {
            let mut wanted = HashSet::from([hash]);
            let mut found: Vec<String> = Vec::new();
            let mut taken = HashSet::new();
            // From the end on: what an entry follows stands before it.
            for number in self.files_of(writer).rev() {
                if found.len() == wanted.len() {
                    break;
                }
                self.pieces((writer, number), PIECE_BYTES, |entries| {
                    for entry in entries.into_iter().rev() {
                        let own = EntryHash::of(&entry);
                        if wanted.contains(&own) && taken.insert(own) {
                            wanted.extend(parents_of(&entry));
                            found.push(entry);
                        }
                    }
                })?;
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
pub(crate) fn in_order(entries: Vec<String>) -> Vec<String> {
    let places: HashMap<EntryHash, usize> =
        entries.iter().enumerate().map(|(place, entry)| (EntryHash::of(entry), place)).collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut open: HashMap<usize, usize> = HashMap::new();
    let mut ready = BTreeSet::new();
    for (place, entry) in entries.iter().enumerate() {
        let parents: Vec<usize> =
            parents_of(entry).iter().filter_map(|parent| places.get(parent).copied()).collect();
        if parents.is_empty() {
            ready.insert(place);
        }
        open.insert(place, parents.len());
        for parent in parents {
            children.entry(parent).or_default().push(place);
        }
    }
    let mut rest: BTreeMap<usize, String> = entries.into_iter().enumerate().collect();
    let mut ordered = Vec::with_capacity(rest.len());
    // Of those that can follow, the one that came first: what is in order stays as it is.
    while let Some(place) = ready.pop_first() {
        ordered.extend(rest.remove(&place));
        for child in children.remove(&place).into_iter().flatten() {
            if let Some(parents) = open.get_mut(&child) {
                *parents = parents.saturating_sub(1);
                if *parents == 0 {
                    ready.insert(child);
                }
            }
        }
    }
    // A cycle cannot be made of hashes; what is left would be refused anyway.
    ordered.extend(rest.into_values());
    ordered
}

/// What an entry claims to follow.
fn parents_of(compact: &str) -> Vec<EntryHash> {
    claims_of(compact).parents
}

/// What an entry says of its place.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) parents: Vec<EntryHash>,
    pub(crate) trace: Option<String>,
    /// The workload that says to have signed it.
    pub(crate) workload: Option<String>,
}

/// Reads what an entry says of its place; one that cannot be read says nothing.
pub(crate) fn claims_of(compact: &str) -> Claims {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[derive(serde::Deserialize)]
    struct Payload {
        parent_ids: Vec<String>,
        #[serde(default)]
        labels: Labels,
    }
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Labels {
        trace_id: Option<String>,
        principal: Option<String>,
    }
    let payload = compact.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let payload = payload.and_then(|bytes| serde_json::from_slice::<Payload>(&bytes).ok());
    payload.map_or_else(Claims::default, |payload| Claims {
        parents: payload.parent_ids.iter().filter_map(|parent| parent.parse().ok()).collect(),
        trace: payload.labels.trace_id,
        workload: payload.labels.principal,
    })
}
