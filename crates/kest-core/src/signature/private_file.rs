//! Reads files that hold secrets, and refuses those that strangers on the same machine can read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::file::{FileError, open_regular};

/// Reads the first `limit` bytes of a file that holds a secret; they are wiped when dropped.
///
/// On Unix others may do nothing with it, and its group may at most read it, if that is a group of this process: this
/// is how Kubernetes mounts a secret with `fsGroup` and the mode 0440.
///
/// # Errors
///
/// [`PrivateFileError`] when the file cannot be read, is no UTF-8, or is open to others.
pub fn read_private_file(path: &Path, limit: usize) -> Result<Zeroizing<String>, PrivateFileError> {
    let mut file = open_regular(path).map_err(|error| match error {
        FileError::Unreadable(cause) => PrivateFileError::Read(cause),
        FileError::NotAFile | FileError::TooLong(_) | FileError::OpenToWriters(_) => {
            PrivateFileError::NotAFile
        }
    })?;
    refuse_readable_by_others(&file)?;
    // Room for all of it at once, so that no half of a secret stays behind where the text grew.
    let mut text = Zeroizing::new(String::with_capacity(limit));
    file.by_ref()
        .take(u64::try_from(limit).unwrap_or(u64::MAX))
        .read_to_string(&mut text)
        .map_err(PrivateFileError::Read)?;
    Ok(text)
}

/// A file with a secret cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateFileError {
    /// The file cannot be read.
    #[error("private key file cannot be read")]
    Read(#[source] io::Error),
    /// A pipe, a socket, a device or a folder.
    #[error("private key file is not a regular file")]
    NotAFile,
    /// Others may read or change it.
    #[error(
        "private key file is open to others: its mode must be 0600, or 0440 under a group of this process, \
         but is {0:o}"
    )]
    Open(u32),
}

#[cfg(unix)]
fn refuse_readable_by_others(file: &File) -> Result<(), PrivateFileError> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata().map_err(PrivateFileError::Read)?;
    let mode = metadata.mode() & 0o777;
    if is_closed(mode, || is_own_group(metadata.gid())) { Ok(()) } else { Err(PrivateFileError::Open(mode)) }
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_file: &File) -> Result<(), PrivateFileError> {
    Ok(())
}

/// Nothing for others; reading for the group at most, and only where that is ours.
#[cfg(unix)]
fn is_closed(mode: u32, own_group: impl FnOnce() -> bool) -> bool {
    mode & 0o037 == 0 && (mode & 0o040 == 0 || own_group())
}

/// Whether this process runs under the group `id`, or has it as a supplementary one, as `fsGroup` makes it.
#[cfg(unix)]
fn is_own_group(id: u32) -> bool {
    let own = rustix::process::getegid().as_raw();
    let more = rustix::process::getgroups().unwrap_or_default();
    std::iter::once(own).chain(more.iter().map(|group| group.as_raw())).any(|group| group == id)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Reads a file of this mode, which belongs to the group of this process.
    fn read(mode: u32) -> Result<String, PrivateFileError> {
        let path = std::env::temp_dir().join(format!("kest-private-{}-{mode:o}", std::process::id()));
        std::fs::write(&path, "secret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let text = read_private_file(&path, 16);
        std::fs::remove_file(&path).unwrap();
        text.map(|text| text.to_string())
    }

    #[test]
    fn secret_mounted_for_the_group_of_this_process_is_read() {
        for mode in [0o600, 0o400, 0o440, 0o640] {
            assert_eq!(read(mode).unwrap(), "secret", "{mode:o}");
        }
    }

    #[test]
    fn file_that_others_may_read_or_the_group_may_change_is_refused() {
        for mode in [0o604, 0o644, 0o444, 0o660, 0o620, 0o602, 0o601, 0o650] {
            assert!(matches!(read(mode), Err(PrivateFileError::Open(found)) if found == mode), "{mode:o}");
        }
    }

    #[test]
    fn file_that_another_group_may_read_is_refused() {
        assert!(!is_closed(0o440, || false) && !is_closed(0o640, || false));
        assert!(is_closed(0o400, || false));
        let taken = rustix::process::getgroups().unwrap();
        let foreign = (40_000..).find(|id| taken.iter().all(|group| group.as_raw() != *id)).unwrap();
        assert!(!is_own_group(foreign));
        assert!(is_own_group(rustix::process::getegid().as_raw()));
    }

    /// Attack: a pipe without a writer in the place of a key, which would hold the start for good.
    #[test]
    fn pipe_in_the_place_of_a_key_does_not_hold_the_start() {
        let path = std::env::temp_dir().join(format!("kest-private-{}-pipe", std::process::id()));
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap();
        assert!(made.success());
        let refused = read_private_file(&path, 16);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(refused, Err(PrivateFileError::NotAFile)), "{refused:?}");
        let device = read_private_file(Path::new("/dev/zero"), 16);
        assert!(matches!(device, Err(PrivateFileError::NotAFile)), "{device:?}");
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let path = std::env::temp_dir().join(format!("kest-private-{}-long", std::process::id()));
        std::fs::write(&path, "x".repeat(100)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let text = read_private_file(&path, 16).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.len(), 16);
    }
}
