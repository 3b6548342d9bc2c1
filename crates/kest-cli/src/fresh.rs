//! New files, which overwrite nothing and go again when not all of them could be made.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::output;

/// A new file cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FreshError {
    /// A key is never overwritten, since what is overwritten is lost.
    #[error("{} exists and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// The file or its directory cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

impl FreshError {
    fn new(path: &Path, cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::AlreadyExists {
            Self::Exists(path.to_owned())
        } else {
            Self::Write { path: path.to_owned(), cause }
        }
    }
}

/// Fails where there is something of that name; a dangling link is something too.
pub(crate) fn check_absent(path: &Path) -> Result<(), FreshError> {
    if path.symlink_metadata().is_ok() { Err(FreshError::Exists(path.to_owned())) } else { Ok(()) }
}

/// Who may read a new file.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    Owner,
    Everybody,
}

/// A file that this process made; it goes again unless it is kept.
pub(crate) struct Fresh<'path> {
    path: &'path Path,
    file: File,
    kept: bool,
}

impl<'path> Fresh<'path> {
    /// Makes the file with its mode in one step, or fails if there is one of that name.
    pub(crate) fn create(path: &'path Path, readers: Readers) -> Result<Self, FreshError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(
            &mut options,
            match readers {
                Readers::Owner => 0o600,
                Readers::Everybody => 0o644,
            },
        );
        #[cfg(not(unix))]
        let (Readers::Owner | Readers::Everybody) = readers;
        match options.open(path) {
            Ok(file) => Ok(Self { path, file, kept: false }),
            Err(cause) => Err(FreshError::new(path, cause)),
        }
    }

    /// Writes the text and a line feed, down to the disk.
    pub(crate) fn fill(&self, text: &str) -> Result<(), FreshError> {
        let mut file = &self.file;
        file.write_all(text.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all())
            .map_err(|cause| FreshError::new(self.path, cause))
    }

    /// The file stays.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        if !self.kept && std::fs::remove_file(self.path).is_err() {
            output::say(&format!("cannot remove {}, which is of no use", self.path.display()));
        }
    }
}

/// Makes a directory that only its owner may enter, unless it is there.
pub(crate) fn make_directory(path: &Path) -> Result<(), FreshError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|cause| FreshError::Write { path: path.to_owned(), cause })
}
