//! Remembers identifiers in this process, and refuses rather than forget one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;

use super::{Novelty, ReplayId, ReplayStore, ReplayStoreError};
use crate::{Clock, Limits, Quota, QuotaError, Share, SystemClock};

/// A bounded memory of one process: enough where requests of one caller always reach the same replica, or where one
/// use with each replica does no harm.
///
/// When `Limits::replay_ids` are remembered and none has expired, the next one is refused: forgetting one instead would
/// let a caller who sends many use an old one again. With [`insert_for`](ReplayStore::insert_for), a caller gets a part of
/// that [quota](Quota) and no more. An identifier that has expired already counts as seen, since it cannot
/// be told from one that was seen and dropped.
///
/// ```
/// use std::time::Duration;
/// use kest_core::replay::{InMemoryReplays, Novelty, ReplayId};
/// use kest_core::{Clock, Limits, ReplayStore, SystemClock};
///
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) { return output; }
/// #     }
/// # }
/// # block_on(async {
/// let store = InMemoryReplays::new(&Limits::default());
/// let id = ReplayId::of([b"order".as_slice(), b"4711"]);
/// let later = SystemClock.now() + Duration::from_secs(60);
/// assert_eq!(store.insert(id, later).await?, Novelty::New);
/// assert_eq!(store.insert(id, later).await?, Novelty::Seen);
/// # Ok::<(), kest_core::replay::ReplayStoreError>(())
/// # }).unwrap();
/// ```
pub struct InMemoryReplays {
    clock: Arc<dyn Clock>,
    most: usize,
    remembered: Mutex<Remembered>,
}

struct Remembered {
    ids: HashSet<ReplayId>,
    by_expiry: BinaryHeap<Reverse<(SystemTime, ReplayId, Option<Share>)>>,
    room: Quota,
    /// The latest expiry of an identifier that was dropped. After a clock was set back, whatever expires until then
    /// may have been among them.
    dropped_until: Option<SystemTime>,
}

impl InMemoryReplays {
    /// An empty memory of at most `limits.replay_ids` identifiers.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self::with_clock(limits, Arc::new(SystemClock))
    }

    /// An empty memory that reads `clock` to tell which identifiers are over.
    #[must_use]
    pub fn with_clock(limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        Self { clock, most: limits.replay_ids, remembered: Mutex::new(Remembered::new(limits.replay_ids)) }
    }

    /// How many identifiers are remembered, some of which may have expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).ids.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[async_trait]
impl ReplayStore for InMemoryReplays {
    async fn insert(&self, id: ReplayId, expires_at: SystemTime) -> Result<Novelty, ReplayStoreError> {
        self.bring(None, id, expires_at)
    }

    async fn insert_for(
        &self,
        share: Share,
        id: ReplayId,
        expires_at: SystemTime,
    ) -> Result<Novelty, ReplayStoreError> {
        self.bring(Some(share), id, expires_at)
    }
}

impl InMemoryReplays {
    fn bring(
        &self,
        share: Option<Share>,
        id: ReplayId,
        expires_at: SystemTime,
    ) -> Result<Novelty, ReplayStoreError> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that no identifier is dropped before its time by an older reading.
        let now = self.clock.now();
        remembered.drop_expired(now);
        if expires_at < now || remembered.may_have_held(expires_at) || remembered.ids.contains(&id) {
            return Ok(Novelty::Seen);
        }
        remembered.room.check(share, 1, None).map_err(|no_room| match no_room {
            QuotaError::Full => ReplayStoreError::Full,
            QuotaError::ShareUsedUp => ReplayStoreError::ShareFull,
        })?;
        remembered.room.take(share, 1);
        remembered.ids.insert(id);
        remembered.by_expiry.push(Reverse((expires_at, id, share)));
        Ok(Novelty::New)
    }
}

impl Remembered {
    fn new(most: usize) -> Self {
        Self {
            ids: HashSet::new(),
            by_expiry: BinaryHeap::new(),
            room: Quota::new(u64::try_from(most).unwrap_or(u64::MAX)),
            dropped_until: None,
        }
    }

    /// Drops a bounded number of those that have expired: each call adds one, so that none are left over for long and
    /// no one waits for the end of a flood.
    fn drop_expired(&mut self, now: SystemTime) {
        for _ in 0..DROPPED_AT_ONCE {
            let Some(Reverse((expires_at, id, share))) = self.by_expiry.peek().copied() else { return };
            if expires_at >= now {
                return;
            }
            self.by_expiry.pop();
            self.ids.remove(&id);
            self.room.give_back(share, 1);
            self.dropped_until = self.dropped_until.max(Some(expires_at));
        }
    }

    fn may_have_held(&self, expires_at: SystemTime) -> bool {
        self.dropped_until.is_some_and(|until| expires_at <= until)
    }
}

impl fmt::Debug for InMemoryReplays {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InMemoryReplays")
            .field("most", &self.most)
            .field("remembered", &self.len())
            .finish_non_exhaustive()
    }
}

const DROPPED_AT_ONCE: usize = 64;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
