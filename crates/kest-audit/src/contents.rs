//! What operations gave, as a log has it, by the writer whose word that is.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};

use kest_core::entry::EntryHash;
use uuid::Uuid;

use crate::note;
use crate::read::{Log, claims_of};
use crate::record::Record;

/// What a writer says that operations gave: pairs of an entry and the hash, by the workload that the entries name.
type Given = HashMap<String, Vec<(EntryHash, EntryHash)>>;

impl Log {
    /// The SHA-256 of what these operations gave, by the hash of their entries, where it was recorded with their ends: by a writer of the
    /// workload that the entry names, which recorded it as signed, and once. What another writer says of them, or the same one later, is
    /// left out.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// use kest_audit::{Log, Wanted};
    /// use kest_core::Limits;
    /// use kest_core::entry::EntryHash;
    ///
    /// let log = Log::open(folder.path())?;
    /// let lineage = log.lineage(Wanted::Trace("4bf92f3577b34da6a3ce929d0e0e4736"), &Limits::default())?;
    /// let hashes: Vec<EntryHash> = lineage.entries.iter().map(|entry| EntryHash::of(entry)).collect();
    /// assert!(log.contents(&hashes)?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn contents(&self, entries: &[EntryHash]) -> io::Result<HashMap<EntryHash, EntryHash>> {
        let wanted: HashSet<&EntryHash> = entries.iter().collect();
        let mut contents = HashMap::new();
        for writer in self.writers() {
            for (workload, given) in self.given(writer, &wanted)? {
                if self.is_of(writer, &workload)? {
                    contents.extend(given);
                }
            }
        }
        Ok(contents)
    }

    fn given(&self, writer: Uuid, wanted: &HashSet<&EntryHash>) -> io::Result<Given> {
        let (mut running, mut given) = (HashMap::new(), Given::new());
        for number in self.files_of(writer) {
            for line in self.lines_there((writer, number), 0) {
                let line = line?;
                let Ok(read) = line.read() else { continue };
                if let Record::Signed { entry } = &read.record {
                    let hash = EntryHash::of(entry);
                    if wanted.contains(&hash) {
                        running.insert(hash, claims_of(entry).workload.unwrap_or_default());
                    }
                }
                let Record::Finished { content_hash, entry, .. } = &read.record else { continue };
                let ended = entry.parse().ok().and_then(|entry| running.remove_entry(&entry));
                let content = content_hash.as_ref().and_then(|hash| hash.parse().ok());
                if let Some(((entry, workload), content)) = ended.zip(content) {
                    given.entry(workload).or_default().push((entry, content));
                }
            }
        }
        Ok(given)
    }

    /// Whether this writer says that it writes for this workload: in its start, or in a checkpoint where its first files were deleted.
    /// Whether that holds is for a [`LogVerifier`](crate::LogVerifier) to say.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn is_of(&self, writer: Uuid, workload: &str) -> io::Result<bool> {
        let origin = note::origin(workload, writer);
        for line in self.lines_of(writer).take(LOOKED_AT) {
            let line = match line {
                // Deleted in order since the log was opened.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                line => line?,
            };
            let Ok(read) = line.read() else { continue };
            if let Record::Start(start) = &read.record {
                return Ok(start.service == workload);
            }
            if let Record::Checkpoint { note } = &read.record {
                return Ok(note.lines().next() == Some(origin.as_str()));
            }
        }
        Ok(false)
    }
}

/// Lines of a writer among which one says whose it is: a checkpoint comes sooner.
const LOOKED_AT: usize = 8192;
