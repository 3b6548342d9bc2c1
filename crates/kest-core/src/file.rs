//! Reads regular files within bounds, and nothing that could make a reader wait.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// The bytes of the regular file at `path`, of at most `limit`; links are followed.
///
/// A pipe without a writer would hold a reader for good, and opening a device may do something. What lies there is
/// judged before it is opened and once more when it is open, since it may be exchanged between the two.
///
/// # Errors
///
/// [`FileError`] when there is no such file or it cannot be read.
pub fn read_regular_file(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read(&open_regular(path)?, limit)
}

/// The same, where what the file says decides about trust: on Unix, others must not be able to write it.
///
/// # Errors
///
/// As [`read_regular_file`], and [`FileError::OpenToWriters`].
pub fn read_guarded_file(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = open_regular(path)?;
    refuse_written_by_others(&file)?;
    read(&file, limit)
}

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is not there, or may not be read.
    #[error("file cannot be read")]
    Unreadable(#[source] io::Error),
    /// A folder, a pipe, a socket or a device lies there.
    #[error("not a regular file")]
    NotAFile,
    /// It is longer than so many bytes.
    #[error("file is longer than {0} bytes")]
    TooLong(u64),
    /// Others may write it, by this mode.
    #[error("file can be written by others: its mode is {0:o}")]
    OpenToWriters(u32),
}

/// Opens a regular file, and waits for nothing.
pub(crate) fn open_regular(path: &Path) -> Result<File, FileError> {
    if !std::fs::metadata(path).map_err(FileError::Unreadable)?.is_file() {
        return Err(FileError::NotAFile);
    }
    let file = open(path).map_err(FileError::Unreadable)?;
    if file.metadata().map_err(FileError::Unreadable)?.is_file() {
        Ok(file)
    } else {
        Err(FileError::NotAFile)
    }
}

fn read(file: &File, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FileError::Unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(FileError::TooLong(limit));
    }
    Ok(bytes)
}

/// Opens without waiting for anything: POSIX `open`, `O_NONBLOCK` and `O_NOCTTY`.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path)
}

#[cfg(unix)]
fn refuse_written_by_others(file: &File) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = file.metadata().map_err(FileError::Unreadable)?.mode() & 0o777;
    if mode & 0o002 == 0 { Ok(()) } else { Err(FileError::OpenToWriters(mode)) }
}

#[cfg(not(unix))]
fn refuse_written_by_others(_file: &File) -> Result<(), FileError> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    /// A folder that is gone when the test is over.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("kest-file-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn pipes_sockets_devices_and_folders_are_no_files() {
        let folder = Folder::new("kinds");
        let at = |name: &str| folder.0.join(name);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        for path in
            [at("pipe"), at("socket"), at("folder"), at("link"), "/dev/zero".into(), "/dev/tty".into()]
        {
            let refused = read_regular_file(&path, 10);
            let no_tty = path.ends_with("tty") && matches!(refused, Err(FileError::Unreadable(_)));
            assert!(no_tty || matches!(refused, Err(FileError::NotAFile)), "{}: {refused:?}", path.display());
        }
    }

    /// What lies there may be exchanged after it was judged, so opening must not wait either.
    #[test]
    fn opening_a_pipe_without_a_writer_does_not_wait() {
        let folder = Folder::new("pipe");
        let pipe = folder.0.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(!open(&pipe).unwrap().metadata().unwrap().is_file());
    }

    #[test]
    fn links_are_followed_unless_they_go_in_circles() {
        let folder = Folder::new("links");
        let at = |name: &str| folder.0.join(name);
        // As Kubernetes lays out a ConfigMap.
        std::fs::create_dir(at("..2026_11_27")).unwrap();
        std::fs::write(at("..2026_11_27/a.rego"), "text").unwrap();
        std::os::unix::fs::symlink("..2026_11_27", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/a.rego", at("a.rego")).unwrap();
        assert_eq!(read_regular_file(&at("a.rego"), 4).unwrap(), b"text");
        assert!(matches!(read_regular_file(&at("a.rego"), 3), Err(FileError::TooLong(3))));
        std::os::unix::fs::symlink("circle", at("circle")).unwrap();
        assert!(matches!(read_regular_file(&at("circle"), 4), Err(FileError::Unreadable(_))));
    }

    #[test]
    fn file_that_others_may_write_does_not_decide_about_trust() {
        let folder = Folder::new("guarded");
        let path = folder.0.join("bundle.json");
        std::fs::write(&path, "{}").unwrap();
        let read = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read_guarded_file(&path, 2)
        };
        for mode in [0o644, 0o664, 0o440, 0o400] {
            assert_eq!(read(mode).unwrap(), b"{}", "{mode:o}");
        }
        for mode in [0o666, 0o646, 0o642] {
            assert!(matches!(read(mode), Err(FileError::OpenToWriters(found)) if found == mode), "{mode:o}");
        }
    }
}
