//! The one file with the keys of an authority: private, and replaced in one step.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use kest_core::signature::read_private_file;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KeysError;

/// What the file says.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    pub(super) version: u8,
    /// What tells authorities apart that share a store.
    pub(super) authority: String,
    pub(super) trust_domain: String,
    /// DNS names and IP addresses of the listeners.
    pub(super) server_names: Vec<String>,
    /// Milliseconds that no certificate outlives: for so long a root is published after it issued its last.
    pub(super) longest_life: u64,
    pub(super) roots: Vec<StoredRoot>,
    pub(super) token_keys: Vec<StoredTokenKey>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredRoot {
    /// PKCS #8 in base64.
    pub(super) key: Secret,
    /// DER in base64.
    pub(super) certificate: String,
    /// When it begins to issue, in milliseconds since 1970.
    pub(super) used_from: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredTokenKey {
    /// A private JWK.
    pub(super) jwk: Secret,
    pub(super) used_from: u64,
}

/// Wiped when it goes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn new(secret: Zeroizing<String>) -> Self {
        Self(secret)
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// The folder of the keys.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }

    pub(super) fn read(&self) -> Result<Stored, KeysError> {
        let text = read_private_file(&self.file(), FILE_BYTES).map_err(KeysError::Read)?;
        let stored: Stored = serde_json::from_str(&text).map_err(|_cause| KeysError::Malformed)?;
        if stored.version == VERSION { Ok(stored) } else { Err(KeysError::Malformed) }
    }

    /// Writes the first keys; those that are there stay, also where two do this at once.
    pub(super) fn create(&self, stored: &Stored) -> Result<(), KeysError> {
        make_private_folder(&self.0).map_err(KeysError::Write)?;
        let _lock = self.lock()?;
        let next = self.write_beside(stored)?;
        // A link is made only where nothing is; a rename would overwrite.
        let linked = std::fs::hard_link(&next, self.file());
        std::fs::remove_file(&next).map_err(KeysError::Write)?;
        match linked {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(KeysError::Exists),
            linked => linked.and_then(|()| self.sync()).map_err(KeysError::Write),
        }
    }

    /// Reads, changes and replaces the file, while no other process does.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<(), KeysError>,
    ) -> Result<Stored, KeysError> {
        let _lock = self.lock()?;
        let mut stored = self.read()?;
        change(&mut stored)?;
        let next = self.write_beside(&stored)?;
        std::fs::rename(next, self.file()).and_then(|()| self.sync()).map_err(KeysError::Write)?;
        Ok(stored)
    }

    /// Held until it is dropped: the operating system lets it go with the file.
    fn lock(&self) -> Result<File, KeysError> {
        let open = || {
            let file = private().create(true).truncate(false).open(self.0.join(LOCK))?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(KeysError::Write)
    }

    /// A whole file under another name, on the disk. What a crash left there before goes: the lock is held.
    fn write_beside(&self, stored: &Stored) -> Result<PathBuf, KeysError> {
        // Room for all of it at once, so that no half of a secret stays behind where the text grew.
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
        serde_json::to_writer_pretty(&mut *text, stored).map_err(|cause| KeysError::Write(cause.into()))?;
        let path = self.0.join(NEXT);
        let write = || {
            match std::fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                Ok(()) | Err(_) => {}
            }
            let mut file = private().create_new(true).open(&path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(KeysError::Write)?;
        Ok(path)
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(&self.0)?.sync_all()?;
        Ok(())
    }
}

fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

pub(super) const VERSION: u8 = 1;

const FILE: &str = "authority.json";
const NEXT: &str = "authority.json.new";
const LOCK: &str = "authority.lock";

/// Two roots, two token keys and the most names take a quarter of it.
const FILE_BYTES: usize = 64 * 1024;
