//! The keys of an authority as its operator and its service hold them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use kest_core::{Clock, Random};
use kest_identity::TrustDomain;
use kest_workload::protocol::AUTHORITY_PATH;
use rustls_pki_types::ServerName;

use super::file::{Folder, Stored, VERSION};
use super::set::{TokenKey, make_room};
use super::{KeySet, KeyState, KeysError, Root};

/// The keys of an authority: an X.509 root of P-256, and an Ed25519 key that signs tokens and bundles.
///
/// They stand in one file of a folder, `authority.json` with the mode 0600, which is written beside its place, brought to
/// the disk and put there in one step. One that its group may change, or others may read, is refused. A passphrase around
/// it is not offered: keep the folder on an encrypted disk.
///
/// A running authority reads the file again when another process, such as `kest authority rotate-root`, has replaced it.
pub struct AuthorityKeys {
    folder: Folder,
    set: ArcSwap<KeySet>,
    read: ArcSwap<Option<(SystemTime, u64)>>,
}

impl AuthorityKeys {
    /// How long a next key is published before it signs, where the operator says nothing else: twelve times the refresh
    /// of a bundle.
    pub const OVERLAP: Duration = Duration::from_secs(3600);

    /// Makes the keys of a new authority of `domain`, whose listeners have these DNS names and IP addresses.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the folder has keys already, which are left as they are, and when it cannot be written to.
    pub fn init(
        folder: impl AsRef<Path>,
        domain: &TrustDomain,
        server_names: impl IntoIterator<Item = String>,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, KeysError> {
        Self::init_with_longest_life(folder, domain, server_names, MOST_CERTIFICATE_LIFE, clock, random)
    }

    /// The same, of an authority whose certificates live this long at most, in the place of a day: so much sooner is a root
    /// over, and may the one after the next be made.
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init), and [`KeysError::Life`] for over a day or under a second.
    pub fn init_with_longest_life(
        folder: impl AsRef<Path>,
        domain: &TrustDomain,
        server_names: impl IntoIterator<Item = String>,
        longest_life: Duration,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, KeysError> {
        if !(Duration::from_secs(1)..=MOST_CERTIFICATE_LIFE).contains(&longest_life) {
            return Err(KeysError::Life);
        }
        let server_names: Vec<String> = server_names.into_iter().collect();
        if server_names.len() > MOST_NAMES {
            return Err(KeysError::TooManyNames(MOST_NAMES));
        }
        if !server_names.iter().all(|name| ServerName::try_from(name.as_str()).is_ok()) {
            return Err(KeysError::Name);
        }
        let now = clock.unix_millis();
        let mut stored = Stored {
            version: VERSION,
            authority: bytes(random)?.iter().map(|byte| format!("{byte:02x}")).collect(),
            trust_domain: domain.as_str().to_owned(),
            server_names,
            longest_life: after(0, longest_life),
            roots: vec![Root::make(domain, now, now, bytes(random)?)?],
            token_keys: Vec::new(),
        };
        let name = kest_core::signature::WorkloadId::new(format!("spiffe://{domain}{AUTHORITY_PATH}"));
        let name = name.map_err(|_cause| KeysError::Malformed)?;
        stored.token_keys.push(TokenKey::make(&name, now, random)?);
        Folder::new(folder.as_ref()).create(&stored)?;
        Self::open(folder)
    }

    /// Reads the keys of an authority.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when the file cannot be read, is open to others, or is not one that this program wrote.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, KeysError> {
        let folder = Folder::new(folder.as_ref());
        // The mark is older than what is read, so that a file that is replaced meanwhile is read once more.
        let mark = mark(&folder);
        let set = KeySet::read(&folder.read()?)?;
        Ok(Self { folder, set: ArcSwap::from_pointee(set), read: ArcSwap::from_pointee(mark) })
    }

    /// Makes the next root. It is published now, issues after `overlap`, and the root before it stays published until the last
    /// certificate that it issued is over.
    ///
    /// # Errors
    ///
    /// [`KeysError`] when two roots are live already, and when the folder cannot be written to.
    pub fn rotate_root(
        &self,
        overlap: Duration,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<(), KeysError> {
        let now = clock.unix_millis();
        let serial = bytes(random)?;
        self.change(|stored| {
            let domain = TrustDomain::parse(&stored.trust_domain).map_err(|_cause| KeysError::Malformed)?;
            make_room(&mut stored.roots, now, stored.longest_life, |root| root.used_from)?;
            stored.roots.push(Root::make(&domain, now, after(now, overlap), serial)?);
            Ok(())
        })
    }

    /// Makes the next key of tokens and bundles, in the same way.
    ///
    /// # Errors
    ///
    /// As [`rotate_root`](Self::rotate_root).
    pub fn rotate_token_key(
        &self,
        overlap: Duration,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<(), KeysError> {
        let now = clock.unix_millis();
        let identity = self.set.load().identity().workload().clone();
        self.change(|stored| {
            make_room(&mut stored.token_keys, now, stored.longest_life, |key| key.used_from)?;
            stored.token_keys.push(TokenKey::make(&identity, after(now, overlap), random)?);
            Ok(())
        })
    }

    /// The trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> TrustDomain {
        self.set.load().domain().clone()
    }

    /// The keys that are published now, roots first, the oldest first.
    #[must_use]
    pub fn states(&self, clock: &dyn Clock) -> Vec<KeyState> {
        self.set.load().states(clock.unix_millis())
    }

    /// Reads the file again if it is another one than was read last, and says whether it was.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); the keys that were read last stay in use.
    pub fn refresh(&self) -> Result<bool, KeysError> {
        let mark = mark(&self.folder);
        if mark.is_some() && **self.read.load() == mark {
            return Ok(false);
        }
        let set = KeySet::read(&self.folder.read()?)?;
        if set.domain() != self.set.load().domain() {
            return Err(KeysError::Malformed);
        }
        self.set.store(Arc::new(set));
        self.read.store(Arc::new(mark));
        Ok(true)
    }

    pub(crate) fn current(&self) -> Arc<KeySet> {
        self.set.load_full()
    }

    fn change(&self, change: impl FnOnce(&mut Stored) -> Result<(), KeysError>) -> Result<(), KeysError> {
        let stored = self.folder.change(change)?;
        self.set.store(Arc::new(KeySet::read(&stored)?));
        Ok(())
    }
}

impl fmt::Debug for AuthorityKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuthorityKeys").field("set", &*self.set.load()).finish_non_exhaustive()
    }
}

/// What changes when the file is replaced; nothing where it cannot be seen, so that it is read.
fn mark(folder: &Folder) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(folder.file()).ok()?;
    #[cfg(unix)]
    let which = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let which = metadata.len();
    Some((metadata.modified().ok()?, which))
}

fn bytes(random: &dyn Random) -> Result<[u8; 16], KeysError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

fn after(now: u64, overlap: Duration) -> u64 {
    now.saturating_add(u64::try_from(overlap.as_millis()).unwrap_or(u64::MAX))
}

/// What the design of the SPIFFE X.509-SVID means by short-lived.
const MOST_CERTIFICATE_LIFE: Duration = Duration::from_secs(24 * 3600);

/// An authority has a name or two, and an address or two.
const MOST_NAMES: usize = 16;
