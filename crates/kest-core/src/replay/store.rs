//! The seam to whatever remembers identifiers that were used.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::{BoxError, Share};

/// Remembers identifiers until they expire: shared by all replicas, or by this process alone.
///
/// A store that cannot remember must say so rather than forget: the asking code then refuses.
#[async_trait]
pub trait ReplayStore: fmt::Debug + Send + Sync {
    /// Remembers `id` until `expires_at`, that moment included, and says whether it was new. One atomic step: of several
    /// who bring the same identifier at the same time, one is told that it is new.
    ///
    /// # Errors
    ///
    /// [`ReplayStoreError`] when the identifier is not remembered; nothing may be accepted then.
    async fn insert(&self, id: ReplayId, expires_at: SystemTime) -> Result<Novelty, ReplayStoreError>;

    /// The same on the account of `share`: a store that many fill gives each a part of its room.
    ///
    /// The default keeps no accounts. A store of your own that strangers can fill should.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), and [`ReplayStoreError::ShareFull`] for a caller that has used up its part.
    async fn insert_for(
        &self,
        share: Share,
        id: ReplayId,
        expires_at: SystemTime,
    ) -> Result<Novelty, ReplayStoreError> {
        let _ = share;
        self.insert(id, expires_at).await
    }

    /// How long an identifier may be good for when it is brought; one that expires later is refused. None where any may.
    ///
    /// What needs longer is told when a service starts, and not by its first caller.
    fn longest_life(&self) -> Option<Duration> {
        None
    }
}

/// Whether an identifier had been seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer; everything else is an error")]
pub enum Novelty {
    /// It is brought for the first time.
    New,
    /// It was brought before.
    Seen,
}

/// A digest of what must not be used twice, and of where: 32 bytes, however long a stranger's identifier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId([u8; 32]);

impl ReplayId {
    /// The identifier made of `parts`, kept apart by their lengths; the first one names the kind of use.
    #[must_use]
    pub fn of<'it, Parts>(parts: Parts) -> Self
    where
        Parts: IntoIterator<Item = &'it [u8]>,
    {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// An identifier was not remembered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayStoreError {
    /// There is no room before something expires.
    #[error("replay store is full")]
    Full,
    /// The caller's own part of the room is used up before something of its own expires; others go on.
    #[error("caller has used up its share of the replay store")]
    ShareFull,
    /// The store did not answer; a retry may help.
    #[error("replay store did not answer")]
    Unavailable(#[source] BoxError),
    /// The store lost its memory a while ago, and the identifier is old enough to have been in it; one that is made
    /// now will do.
    #[error("replay store has lost what it may have known of the identifier")]
    Forgotten,
    /// The identifier would have to be remembered for longer than the store was told to expect.
    #[error("identifier lives longer than the replay store remembers")]
    TooLong,
}
