//! Reads regular files within bounds, and nothing that could make a reader wait.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::Path;

use crate::load::Problem;

/// The bytes of the regular file at `path`, of at most `limit`; links are followed.
///
/// A pipe without a writer would hold a reader for good, and opening a device may do something. What lies there is
/// judged before it is opened and once more when it is open, since it may be exchanged between the two.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Problem> {
    let unreadable = |cause: std::io::Error| Problem::Unreadable(cause.into());
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Problem::NotAFile);
    }
    let file = open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Problem::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Problem::TooLong(limit));
    }
    Ok(bytes)
}

/// Opens without waiting for anything: POSIX `open`, `O_NONBLOCK` and `O_NOCTTY`.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
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
            let refused = read(&path, 10);
            let no_tty = path.ends_with("tty") && matches!(refused, Err(Problem::Unreadable(_)));
            assert!(no_tty || matches!(refused, Err(Problem::NotAFile)), "{}: {refused:?}", path.display());
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
        assert_eq!(read(&at("a.rego"), 4).unwrap(), b"text");
        assert!(matches!(read(&at("a.rego"), 3), Err(Problem::TooLong(3))));
        std::os::unix::fs::symlink("circle", at("circle")).unwrap();
        assert!(matches!(read(&at("circle"), 4), Err(Problem::Unreadable(_))));
    }
}
