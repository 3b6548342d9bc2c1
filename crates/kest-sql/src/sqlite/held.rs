//! Says whether a writer lives: each holds a lock on a small file beside the database.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The lock of one writer. It goes with its process, its file with an orderly end.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) writer: Uuid,
    path: PathBuf,
    /// Held for as long as it is open.
    _file: File,
}

impl Held {
    /// Takes the lock of `writer`, and clears away what dead ones left. Its file has its name once it is locked: one that clears away
    /// never finds a living writer's without a lock.
    pub(super) fn take(database: &Path, writer: Uuid) -> io::Result<Self> {
        clear(database)?;
        let path = beside(database, writer);
        let unnamed = path.with_extension("lock.new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&unnamed)?;
        file.try_lock()?;
        std::fs::rename(unnamed, &path)?;
        Ok(Self { writer, path, _file: file })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // One that stays is cleared away by the next writer.
        let _stays = std::fs::remove_file(&self.path);
    }
}

/// Whether `writer` lives.
pub(super) fn is_held(database: &Path, writer: Uuid) -> bool {
    File::open(beside(database, writer))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn beside(database: &Path, writer: Uuid) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!("-{writer}.lock"));
    name.into()
}

fn clear(database: &Path) -> io::Result<()> {
    let folder = database.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let own = database.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let middle = name.strip_prefix(own).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".lock"));
        if middle.is_none_or(|writer| writer.parse::<Uuid>().is_err()) {
            continue;
        }
        // One that is dead stays so.
        if File::open(&path).is_ok_and(|file| file.try_lock_shared().is_ok()) {
            // Another may have been quicker.
            let _gone = std::fs::remove_file(&path);
        }
    }
    Ok(())
}
