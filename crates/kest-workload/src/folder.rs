//! The folder of a workload: what it holds is whole after any crash, closed to others, and of one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use kest_core::signature::{PrivateFileError, read_private_file};

/// A folder that this process has for itself, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    lock: File,
    is_closed: AtomicBool,
}

impl Folder {
    /// Makes the folder unless it is there, and takes it.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        make(path).map_err(FolderError::Io)?;
        refuse_open(path, WRITE_BY_OTHERS)?;
        let lock = closed_file(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(path.join(LOCK))
            .map_err(FolderError::Io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_path_buf(), lock, is_closed: AtomicBool::new(false) }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Taken),
            Err(TryLockError::Error(cause)) => Err(FolderError::Io(cause)),
        }
    }

    /// The whole file of that name, where there is one.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, FolderError> {
        let path = self.path.join(name);
        if !path.try_exists().map_err(FolderError::Io)? {
            return Ok(None);
        }
        refuse_open(&path, ANYTHING_BY_OTHERS)?;
        let text = read_private_file(&path, MOST_BYTES).map_err(FolderError::Read)?;
        if text.len() == MOST_BYTES { Err(FolderError::TooLong) } else { Ok(Some(text)) }
    }

    /// Puts this text into the place of the file: after a crash at any moment the old text is there, or this one, whole.
    pub(crate) fn replace(&self, name: &str, text: &str) -> Result<(), FolderError> {
        if text.len() >= MOST_BYTES {
            return Err(FolderError::TooLong);
        }
        if self.is_closed.load(Ordering::Acquire) {
            return Err(FolderError::Taken);
        }
        for step in STEPS {
            self.take(*step, name, text.as_bytes()).map_err(FolderError::Io)?;
        }
        Ok(())
    }

    /// Writes no more, and lets another process have the folder.
    pub(crate) fn close(&self) {
        if !self.is_closed.swap(true, Ordering::AcqRel)
            && let Err(cause) = self.lock.unlock()
        {
            tracing::warn!(%cause, "folder is not given back");
        }
    }

    fn take(&self, step: Step, name: &str, bytes: &[u8]) -> io::Result<()> {
        let next = self.path.join(format!("{name}.next"));
        match step {
            Step::Clear => match fs::remove_file(&next) {
                // What a crash has left behind may be half, and of another mode.
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
                Ok(()) | Err(_) => Ok(()),
            },
            Step::Create => {
                closed_file(OpenOptions::new().write(true).create_new(true)).open(&next).map(drop)
            }
            Step::Write => OpenOptions::new().write(true).open(&next)?.write_all(bytes),
            Step::Sync => OpenOptions::new().write(true).open(&next)?.sync_all(),
            Step::Rename => fs::rename(&next, self.path.join(name)),
            // The rename is in the folder, and the folder is a file of its own.
            Step::SyncFolder => File::open(&self.path)?.sync_all(),
        }
    }
}

/// One step of replacing a file, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Clear,
    Create,
    Write,
    Sync,
    Rename,
    SyncFolder,
}

const STEPS: &[Step] = &[Step::Clear, Step::Create, Step::Write, Step::Sync, Step::Rename, Step::SyncFolder];

/// The folder of a workload cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Another process has it: two would exchange each other's keys.
    #[error("folder is used by another process")]
    Taken,
    /// Others may read a file, or write into the folder.
    #[error("folder or a file of it is open to others: its mode is {0:o}")]
    Open(u32),
    /// A file is longer than what is written there.
    #[error("file of the folder is too long")]
    TooLong,
    /// A file cannot be read.
    #[error("file of the folder cannot be read")]
    Read(#[source] PrivateFileError),
    /// What a file says makes no sense: it was not written by this version, or by other hands.
    #[error("file of the folder is malformed: {0}")]
    Malformed(&'static str),
    /// The file system says no.
    #[error("folder cannot be used")]
    Io(#[source] io::Error),
}

#[cfg(unix)]
fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn closed_file(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn closed_file(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn refuse_open(path: &Path, refused: u32) -> Result<(), FolderError> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = fs::metadata(path).map_err(FolderError::Io)?.mode() & 0o777;
    if mode & refused == 0 { Ok(()) } else { Err(FolderError::Open(mode)) }
}

#[cfg(not(unix))]
fn refuse_open(_path: &Path, _refused: u32) -> Result<(), FolderError> {
    Ok(())
}

const LOCK: &str = "lock";
const WRITE_BY_OTHERS: u32 = 0o022;
const ANYTHING_BY_OTHERS: u32 = 0o077;

/// Of a file: a trust bundle of 1 MiB in base64, in JSON.
const MOST_BYTES: usize = 2 * 1024 * 1024;

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("cart");
        (parent, path)
    }

    /// A crash after each step, and in the middle of writing; with what an earlier crash has left behind, and without.
    #[test]
    fn crash_between_any_two_steps_leaves_the_old_text_or_the_new_one() {
        let (old, new) = ("old".repeat(1000), "new".repeat(2000));
        for crash_after in 0..=STEPS.len() {
            for half in [false, true] {
                for leftover in [None, Some("rubbish of another day, longer than all else".repeat(500))] {
                    let (_parent, path) = folder();
                    let folder = Folder::open(&path).unwrap();
                    folder.replace("identity.json", &old).unwrap();
                    if let Some(leftover) = &leftover {
                        fs::write(path.join("identity.json.next"), leftover).unwrap();
                    }
                    for (number, step) in STEPS.iter().enumerate().take(crash_after) {
                        let last = number + 1 == crash_after;
                        let bytes = if half && last { &new.as_bytes()[..1001] } else { new.as_bytes() };
                        folder.take(*step, "identity.json", bytes).unwrap();
                    }
                    drop(folder);
                    let folder = Folder::open(&path).unwrap();
                    let found = folder.read("identity.json").unwrap().unwrap();
                    let renamed = STEPS[..crash_after].contains(&Step::Rename);
                    assert_eq!(*found, if renamed { new.clone() } else { old.clone() }, "{crash_after}");
                    folder.replace("identity.json", &new).unwrap();
                    assert_eq!(*folder.read("identity.json").unwrap().unwrap(), new);
                    let mode = fs::metadata(path.join("identity.json")).unwrap().permissions().mode();
                    assert_eq!(mode & 0o777, 0o600);
                }
            }
        }
    }

    #[test]
    fn second_process_does_not_get_the_folder() {
        let (_parent, path) = folder();
        let first = Folder::open(&path).unwrap();
        assert!(matches!(Folder::open(&path), Err(FolderError::Taken)));
        drop(first);
        assert!(Folder::open(&path).is_ok());
    }

    #[test]
    fn key_that_others_may_read_is_refused_and_so_is_a_folder_that_others_may_write() {
        let (_parent, path) = folder();
        let folder = Folder::open(&path).unwrap();
        folder.replace("identity.json", "secret").unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644, 0o610, 0o601] {
            fs::set_permissions(path.join("identity.json"), fs::Permissions::from_mode(mode)).unwrap();
            let refused = folder.read("identity.json");
            assert!(matches!(refused, Err(FolderError::Open(found)) if found == mode), "{mode:o}");
        }
        drop(folder);
        for mode in [0o770, 0o777, 0o702] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(Folder::open(&path), Err(FolderError::Open(found)) if found == mode),
                "{mode:o}"
            );
        }
    }
}
