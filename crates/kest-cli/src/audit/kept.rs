//! The file of `--resume`: what earlier runs found right, and what this one adds.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use kest_audit::Verified;

use super::AuditError;

/// Where it is kept, unless nothing was said.
#[derive(Debug)]
pub(crate) struct Kept {
    file: Option<PathBuf>,
    /// So much was read when it was written last.
    written: u64,
    failed: Option<io::Error>,
}

impl Kept {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file, written: 0, failed: None }
    }

    /// What is there; nothing where there is no file yet.
    pub(crate) fn read(&self) -> Result<Verified, AuditError> {
        let Some(file) = &self.file else { return Ok(Verified::default()) };
        let unreadable = |cause| AuditError::Resume(file.clone(), cause);
        match std::fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Verified::default()),
            Err(error) => return Err(unreadable(error)),
            Ok(found) if found.len() > MOST_BYTES => {
                return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
            }
            Ok(_) => {}
        }
        let bytes = std::fs::read(file).map_err(unreadable)?;
        serde_json::from_slice(&bytes).map_err(|cause| unreadable(cause.into()))
    }

    /// Writes it now and then, so that a run which is interrupted can be gone on with.
    pub(crate) fn keep_at(&mut self, read: u64, verified: &Verified) {
        let Some(file) = &self.file else { return };
        if self.failed.is_some() || read.saturating_sub(self.written) < EACH_BYTES {
            return;
        }
        self.written = read;
        self.failed = write(file, verified).err();
    }

    /// Writes what all of the run found.
    pub(crate) fn close(self, verified: &Verified) -> Result<(), AuditError> {
        let Some(file) = self.file else { return Ok(()) };
        let written = self.failed.map_or_else(|| write(&file, verified), Err);
        written.map_err(|cause| AuditError::Keep(file, cause))
    }
}

/// In one step, for the eyes of its owner: a run that is killed leaves the one before or the new one.
fn write(file: &Path, verified: &Verified) -> io::Result<()> {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut new, verified)?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

/// Bytes of the log that are judged again after an interruption, at most; and the part that is read then.
const EACH_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of such a file: some ten thousand writers have a few kilobytes each.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
