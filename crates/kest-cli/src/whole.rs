//! Writes a file whole or not at all: what stood there before stays until all of the new text is on the disk.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Who may read a file that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Owner,
    Everybody,
}

/// Puts `text` and a line feed into the file at `path`, which need not be there yet; a link is followed.
///
/// # Errors
///
/// [`WholeError`]; the file is then as it was, and nothing lies beside it.
pub(crate) fn write(path: &Path, text: &str, readers: Readers) -> Result<(), WholeError> {
    let unwritable = |cause| WholeError::Write { path: path.to_owned(), cause };
    let present = path.metadata().ok();
    if present.as_ref().is_some_and(|found| !found.is_file()) {
        return Err(WholeError::NotAFile(path.to_owned()));
    }
    // Renaming over a link would leave what it points to as it was.
    let target = if present.is_some() { path.canonicalize().map_err(unwritable)? } else { path.to_owned() };
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = fresh_in(folder, readers).map_err(unwritable)?;
    if let Some(present) = present {
        file.as_file().set_permissions(present.permissions()).map_err(unwritable)?;
    }
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.as_file().sync_all())
        .map_err(unwritable)?;
    file.persist(&target).map_err(|error| unwritable(error.error))?;
    // The new name is on the disk once the directory is.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
    } else {
        Ok(())
    }
}

/// A file with a name of its own in `folder`, which goes again unless it is kept.
fn fresh_in(folder: &Path, readers: Readers) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kest-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    }));
    builder.tempfile_in(folder)
}

/// A file was not written and is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WholeError {
    /// A directory or a device cannot be exchanged for a file.
    #[error("{} is no file", .0.display())]
    NotAFile(PathBuf),
    /// The file or its directory cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}
