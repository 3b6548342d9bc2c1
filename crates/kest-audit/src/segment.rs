//! One file of a writer: whole lines reach the disk, or nothing of them stays.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use uuid::Uuid;

use crate::folder::file_name;
use crate::place::CommitError;

/// The file that a writer appends to, and holds a lock on for as long as it lives.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    /// So many bytes are on the disk; what lies behind them is not believed.
    whole: u64,
}

impl Segment {
    /// Creates file `number` of `writer`, and keeps others from taking it for that of a dead one.
    pub(crate) fn create(folder: &Path, writer: Uuid, number: u32) -> Result<Self, CommitError> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        // What operations do and who asks for them is for the owner to read.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let path = folder.join(file_name(writer, number));
        let file = options.open(&path).map_err(|error| {
            // What is there is not this writer's, and would be there the next time.
            let taken = error.kind() == io::ErrorKind::AlreadyExists;
            if taken { CommitError::Unknown(error) } else { CommitError::Undone(error) }
        })?;
        // The name is durable when its folder is.
        if let Err(error) = file.lock().and_then(|()| sync(folder)) {
            return Err(Self::remove(folder, &path, error));
        }
        Ok(Self { file, whole: 0 })
    }

    /// Takes back a file in which nothing was kept. One that stays, or could be back after a loss of power, would end the chain: the
    /// next records go to a new writer then.
    pub(crate) fn remove(folder: &Path, path: &Path, error: io::Error) -> CommitError {
        match std::fs::remove_file(path).and_then(|()| sync(folder)) {
            Ok(()) => CommitError::Undone(error),
            Err(_stays) => CommitError::Unknown(error),
        }
    }

    /// Writes whole lines and waits until they are on the disk.
    pub(crate) fn commit(&mut self, lines: &[u8]) -> Result<(), CommitError> {
        if let Err(error) = self.file.write_all(lines) {
            return Err(self.undo(error));
        }
        // Whether the kernel kept the pages of a failed sync for another try is not known.
        self.file.sync_data().map_err(CommitError::Unknown)?;
        self.whole += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn undo(&self, error: io::Error) -> CommitError {
        match self.file.set_len(self.whole).and_then(|()| self.file.sync_all()) {
            Ok(()) => CommitError::Undone(error),
            Err(_cause) => CommitError::Unknown(error),
        }
    }

    /// One whose disk is full.
    #[cfg(all(test, target_os = "linux"))]
    #[expect(clippy::unwrap_used, reason = "it stands here for a test, which ends where it cannot be had")]
    pub(crate) fn full() -> Self {
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        Self { file, whole: 0 }
    }
}

/// Names in a folder are durable when it is on the disk.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The disk is full in the middle of a write.
    #[test]
    fn half_written_lines_are_cut_back_to_what_was_synced() {
        let folder = tempfile::tempdir().unwrap();
        let mut segment = Segment::create(folder.path(), Uuid::from_u128(1), 1).unwrap();
        segment.commit(b"one\n").unwrap();
        segment.file.write_all(b"tw").unwrap();
        assert!(matches!(segment.undo(io::ErrorKind::StorageFull.into()), CommitError::Undone(_)));
        segment.commit(b"two\n").unwrap();
        let path = folder.path().join(file_name(Uuid::from_u128(1), 1));
        assert_eq!(std::fs::read(path).unwrap(), b"one\ntwo\n");
        assert_eq!(segment.whole, 8);
    }
}
