//! Remembers tokens that were verified, so that the next request with one costs a hash and no signature.

use std::sync::Arc;

use kest_core::Limits;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::telemetry::{MemoryOutcome, memory_asked};

use super::trusted::Proved;

/// A memory of tokens that hold, bounded in number and in bytes.
///
/// It belongs to one authenticator, whose configuration never changes, and a token names its issuer: what is found
/// was proved by the very rules that would be applied now. Refusals are not remembered, so that no flood of bad tokens
/// takes the place of good ones. Proof of possession is no part of it and is asked for with each request.
#[derive(Debug)]
pub(super) struct TokenMemory(Option<Cache<TokenDigest, Arc<Proved>>>);

/// The SHA-256 of a whole token, its signature included. The token itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl TokenMemory {
    /// A memory of at most `limits.tokens_remembered` tokens and `limits.tokens_remembered_bytes`.
    pub(super) fn new(limits: &Limits) -> Self {
        let (tokens, bytes) = (limits.tokens_remembered, limits.tokens_remembered_bytes);
        // Each weighs its share of the bytes at least, so that their number is bounded too.
        let share = bytes.checked_div(tokens).unwrap_or_default().max(1);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        let weigh = move |_: &TokenDigest, proved: &Arc<Proved>| {
            u32::try_from(proved.weight()).unwrap_or(u32::MAX).max(share)
        };
        Self((tokens > 0 && bytes > 0).then(|| Cache::builder().weigher(weigh).max_capacity(bytes).build()))
    }

    pub(super) fn off() -> Self {
        Self(None)
    }

    /// What that token proved before, if it still holds at `unix_millis`.
    pub(super) fn recall(&self, token: &TokenDigest, unix_millis: u64) -> Option<Arc<Proved>> {
        let Some(remembered) = &self.0 else {
            memory_asked(MemoryOutcome::Off);
            return None;
        };
        let Some(proved) = remembered.get(token) else {
            memory_asked(MemoryOutcome::Miss);
            return None;
        };
        if proved.holds_at(unix_millis) && proved.is_by_current_key() {
            memory_asked(MemoryOutcome::Hit);
            return Some(proved);
        }
        remembered.invalidate(token);
        memory_asked(MemoryOutcome::Stale);
        None
    }

    pub(super) fn remember(&self, token: TokenDigest, proved: &Arc<Proved>) {
        if let Some(remembered) = &self.0
            && proved.is_worth_remembering()
        {
            remembered.insert(token, Arc::clone(proved));
        }
    }

    /// How many tokens are remembered.
    pub(super) fn len(&self) -> u64 {
        let Some(remembered) = &self.0 else { return 0 };
        remembered.run_pending_tasks();
        remembered.entry_count()
    }
}
