//! Keeps an issuer's keys at hand: no request waits for the network while its key is known.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::{Clock, NoSlot, Share};

use super::health::{KeyHealth, KeysAtStart};
use super::telemetry;
use super::{FetchError, FetchKeys, KeySet, KeySetUnavailable, VerificationKey};
use crate::jwt::Algorithm;
use crate::refresh::{Missed, NoAnswer, Previous, Refresher, Refusal, Schedule, Source, Unavailable};

/// The issuer's keys, refreshed in the background by one fetch at a time ([`Refresher`]).
#[derive(Debug)]
pub(crate) struct KeyCache(Refresher<IssuerKeys>);

/// A key, and the id that it is published under.
#[derive(Debug)]
pub(crate) struct NamedKey {
    pub(crate) key_id: String,
    pub(crate) key: Arc<VerificationKey>,
}

/// A key was not found.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// The issuer was asked lately and has no such key.
    Unknown,
    /// It cannot be said whether the issuer has it.
    Unavailable(KeySetUnavailable),
    /// The peer waits for as many keys as it may.
    ShareUsedUp(NoSlot),
}

impl KeyCache {
    pub(crate) fn new(
        source: Arc<dyn FetchKeys>,
        issuer: Arc<str>,
        clock: Arc<dyn Clock>,
        schedule: Schedule,
    ) -> Self {
        Self(Refresher::new(IssuerKeys { source, issuer }, clock, schedule))
    }

    /// The key of that id if it is in use now: no waiting, and no fetch on the caller's account.
    ///
    /// As long as the issuer publishes a key unchanged this is the very same value, so code that remembers what it
    /// proved may compare the pointers.
    pub(crate) fn find(&self, key_id: &str) -> Option<Arc<VerificationKey>> {
        self.0.find(|keys| keys.key(key_id).map(Arc::clone))
    }

    /// The key of that id: at once when it is in use, else after the next fetch that the cool-down allows.
    ///
    /// It waits on the account of `peer`, since who presents a token that is not proved yet is not known otherwise.
    pub(crate) async fn key(&self, key_id: &str, peer: Share) -> Result<Arc<VerificationKey>, LookupError> {
        let found = self.0.look_for(key_id, peer, |keys| keys.key(key_id).map(Arc::clone)).await;
        found.map_err(|missed| match missed {
            Missed::Unknown => LookupError::Unknown,
            Missed::Unavailable(cause) => LookupError::Unavailable(cause.into()),
            Missed::ShareUsedUp(taken) => LookupError::ShareUsedUp(taken),
        })
    }

    /// The same, with its name.
    pub(crate) async fn named(&self, key_id: &str, peer: Share) -> Result<NamedKey, LookupError> {
        self.key(key_id, peer).await.map(|key| NamedKey { key_id: key_id.to_owned(), key })
    }

    /// The keys that check `algorithm`, for a token that names none. Those that are at hand count, and of these the first
    /// few by name: trying a key costs as much as checking a token.
    pub(crate) async fn that_check(
        &self,
        algorithm: Algorithm,
        peer: Share,
    ) -> Result<Vec<NamedKey>, LookupError> {
        if let Some(keys) = self.at_hand(algorithm) {
            return Ok(keys);
        }
        // No key is published under no name, so that this waits for a fetch and for nothing else.
        match self.key("", peer).await {
            Ok(_) | Err(LookupError::Unknown) => self.at_hand(algorithm).ok_or(LookupError::Unknown),
            Err(unavailable) => Err(unavailable),
        }
    }

    fn at_hand(&self, algorithm: Algorithm) -> Option<Vec<NamedKey>> {
        self.0.find(|keys| Some(keys.that_check(algorithm, KEYS_TRIED)))
    }

    /// Fetches now, unless the keys are fresh, so that the first request finds its key.
    pub(crate) async fn start(&self) -> Result<(), KeySetUnavailable> {
        Ok(self.0.start().await?)
    }

    /// Fetches now; whether an issuer that is away is an error is for the configuration to say.
    pub(crate) async fn start_with(&self, at_start: KeysAtStart) -> Result<(), KeySetUnavailable> {
        at_start.judge(self.start().await)
    }

    /// How the keys are, right now.
    pub(crate) fn health(&self) -> KeyHealth {
        KeyHealth::of(self.0.shared())
    }

    /// The number of fetches begun so far.
    pub(crate) fn fetches(&self) -> u64 {
        self.0.fetches()
    }

    /// Completes as soon as `count` fetches have ended.
    pub(crate) async fn after_fetches(&self, count: u64) {
        self.0.after_fetches(count).await;
    }
}

impl From<Unavailable<FetchError>> for KeySetUnavailable {
    fn from(unavailable: Unavailable<FetchError>) -> Self {
        match unavailable {
            Unavailable::Fetch(cause) => Self::Fetch(cause),
            Unavailable::Waited(wait) => Self::Waited(wait),
            Unavailable::Crowded => Self::Crowded,
            Unavailable::NoRuntime => Self::NoRuntime,
        }
    }
}

/// The keys of one issuer, as its source brings them.
#[derive(Debug)]
pub(crate) struct IssuerKeys {
    source: Arc<dyn FetchKeys>,
    issuer: Arc<str>,
}

#[async_trait]
impl Source for IssuerKeys {
    type Value = KeySet;
    type Failure = FetchError;

    /// A key that has not changed stays the very same value, by which others know it again.
    async fn fetch(&self, previous: Previous<'_, KeySet>) -> Result<KeySet, FetchError> {
        let mut keys = self.source.fetch().await?;
        if let Some(previous) = previous.value() {
            keys.keep_unchanged(previous);
        }
        Ok(keys)
    }

    fn without_answer(&self, why: NoAnswer) -> FetchError {
        match why {
            NoAnswer::TimedOut => FetchError::TimedOut,
            NoAnswer::Abandoned => FetchError::Abandoned,
        }
    }

    fn fetched(&self, keys: &KeySet) {
        let (count, skipped) = (keys.len(), keys.skipped_keys());
        if keys.is_empty() {
            tracing::warn!(issuer = &*self.issuer, skipped, "key set has no usable key");
        } else {
            tracing::debug!(issuer = &*self.issuer, keys = count, skipped, "key set fetched");
        }
        telemetry::renewed(&self.issuer, keys);
        telemetry::fetched(&self.issuer, "fetched");
    }

    fn failed(&self, cause: &FetchError) {
        tracing::warn!(
            issuer = &*self.issuer,
            url = self.source.place(),
            kind = cause.kind(),
            cause = cause.root_cause(),
            "key set could not be fetched"
        );
        telemetry::fetched(&self.issuer, cause.kind());
    }

    fn aged(&self, age: Duration) {
        telemetry::aged(&self.issuer, age);
    }

    fn unknown(&self, how: Refusal) {
        telemetry::unknown(&self.issuer, how);
    }
}

/// Signing keys of one trust domain that overlap while they are rotated are two or three.
const KEYS_TRIED: usize = 4;
