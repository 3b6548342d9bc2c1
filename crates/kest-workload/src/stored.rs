//! The identity of a workload as its folder keeps it: keys, certificate, epoch, and where its authority is.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kest_core::signature::Ed25519Signer;
use kest_http::Endpoint;
use kest_identity::SpiffeId;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::folder::{Folder, FolderError};
use crate::keys::{Seed, signer};
use crate::peer::PeerIdentity;
use crate::protocol::Epoch;

/// The text of it, in JSON.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    pub(crate) identity: String,
    #[zeroize(skip)]
    pub(crate) epoch: Epoch,
    /// Where it was enrolled.
    pub(crate) authority: String,
    /// Where it is renewed.
    pub(crate) workload_url: String,
    /// DER in base64, leaf first.
    pub(crate) certificate: Vec<String>,
    /// PKCS #8 in base64.
    pub(crate) key: String,
    /// When the certificate came, in seconds since 1970.
    pub(crate) received: u64,
    pub(crate) entry_key: StoredKey,
    /// The next one, which is in the trust bundle already, and is used from its time on.
    pub(crate) next_entry_key: Option<StoredKey>,
    /// The digest of the ticket that was used up.
    pub(crate) used: Option<String>,
}

/// A key that entries are signed with.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredKey {
    /// Base64url.
    seed: String,
    /// From when on it signs, in seconds since 1970.
    pub(crate) since: u64,
}

impl StoredKey {
    pub(crate) fn new(seed: &Seed, since: u64) -> Self {
        Self { seed: URL_SAFE_NO_PAD.encode(**seed), since }
    }

    pub(crate) fn signer(&self, identity: &SpiffeId) -> Result<Ed25519Signer, FolderError> {
        let mut seed: Seed = Zeroizing::new([0; 32]);
        if URL_SAFE_NO_PAD.decode_slice(&self.seed, &mut *seed) != Ok(32) {
            return Err(FolderError::Malformed("entry key"));
        }
        signer(identity.workload(), &seed).map_err(|_cause| FolderError::Malformed("entry key"))
    }
}

/// The same, read.
pub(crate) struct Standing {
    pub(crate) stored: Stored,
    pub(crate) identity: SpiffeId,
    pub(crate) workload_url: Endpoint,
    /// DER, leaf first.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) key: Zeroizing<Vec<u8>>,
    /// When the certificate ends, in seconds since 1970.
    pub(crate) not_after: u64,
}

impl Standing {
    pub(crate) fn read(stored: Stored) -> Result<Self, FolderError> {
        let identity =
            SpiffeId::parse(&stored.identity).map_err(|_cause| FolderError::Malformed("identity"))?;
        let chain: Result<Vec<_>, _> = stored.certificate.iter().map(|it| STANDARD.decode(it)).collect();
        let chain = chain.map_err(|_cause| FolderError::Malformed("certificate"))?;
        let leaf = chain.first().ok_or(FolderError::Malformed("certificate"))?;
        let named = PeerIdentity::from_der(leaf, identity.trust_domain())
            .map_err(|_cause| FolderError::Malformed("certificate"))?;
        if *named.workload() != identity || named.epoch() != Some(stored.epoch) {
            return Err(FolderError::Malformed("certificate"));
        }
        let key = STANDARD.decode(&stored.key).map_err(|_cause| FolderError::Malformed("key"))?;
        let workload_url =
            Endpoint::parse(&stored.workload_url).map_err(|_cause| FolderError::Malformed("workload url"))?;
        if !workload_url.is_https() {
            return Err(FolderError::Malformed("workload url"));
        }
        let end = named.not_after().duration_since(std::time::SystemTime::UNIX_EPOCH);
        let not_after = end.map_or(0, |end| end.as_secs());
        Ok(Self { identity, workload_url, chain, key: Zeroizing::new(key), not_after, stored })
    }

    /// What the folder holds; nothing where there was no enrolment yet.
    pub(crate) fn load(folder: &Folder) -> Result<Option<Self>, FolderError> {
        let Some(text) = folder.read(FILE)? else { return Ok(None) };
        let stored = serde_json::from_str(&text).map_err(|_cause| FolderError::Malformed("identity.json"))?;
        Self::read(stored).map(Some)
    }

    /// Keeps it: what is used is on the disk beforehand.
    pub(crate) fn save(&self, folder: &Folder) -> Result<(), FolderError> {
        let text = serde_json::to_string(&self.stored);
        let text = Zeroizing::new(text.map_err(|_cause| FolderError::Malformed("identity.json"))?);
        folder.replace(FILE, &text)
    }

    /// How long the certificate lives in all, in seconds, from when it came.
    pub(crate) fn life(&self) -> u64 {
        self.not_after.saturating_sub(self.stored.received)
    }
}

/// Without the keys.
impl fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Standing");
        shown
            .field("identity", &self.identity.as_str())
            .field("epoch", &self.stored.epoch)
            .finish_non_exhaustive()
    }
}

const FILE: &str = "identity.json";
