//! A source in our hand, clocks in our hand, and a cache between them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use kest_core::{Clock, Limits, Share};
use kest_testkit::FixedRandom;
use tokio::sync::Semaphore;

use crate::jwks::*;
use crate::refresh::Schedule;

/// Publishes keys, if its gate is open and nothing is wrong with it.
#[derive(Debug)]
pub(super) struct Source {
    keys: Mutex<String>,
    pub(super) gate: Semaphore,
    pub(super) down: AtomicBool,
    pub(super) panics: AtomicBool,
    pub(super) calls: AtomicU64,
    latency: Duration,
}

impl Source {
    pub(super) fn publishing(key_id: &str) -> Arc<Self> {
        Self::answering_after(Duration::ZERO, key_id)
    }

    pub(super) fn answering_after(latency: Duration, key_id: &str) -> Arc<Self> {
        Arc::new(Self {
            keys: Mutex::new(jwk(key_id)),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            down: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            latency,
        })
    }

    /// A source that lets nothing pass before its gate gets permits.
    pub(super) fn hanging(key_id: &str) -> Arc<Self> {
        let source = Self::publishing(key_id);
        source.hang();
        source
    }

    pub(super) fn hang(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn publish(&self, key_ids: &[&str]) {
        let keys: Vec<_> = key_ids.iter().map(|key_id| jwk(key_id)).collect();
        self.publish_json(keys.join(","));
    }

    pub(super) fn publish_json(&self, keys: String) {
        *self.keys.lock().unwrap() = keys;
    }

    pub(super) fn go_down(&self) {
        self.down.store(true, Ordering::SeqCst);
    }

    pub(super) fn come_up(&self) {
        self.down.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl FetchKeys for Source {
    /// What is published is looked at when the question comes, and the answer takes its time after that.
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let json = format!(r#"{{"keys":[{}]}}"#, self.keys.lock().unwrap());
        tokio::time::sleep(self.latency).await;
        self.gate.acquire().await.unwrap().forget();
        assert!(!self.panics.load(Ordering::SeqCst), "a source that panics");
        if self.down.load(Ordering::SeqCst) {
            return Err(FetchError::Status(500));
        }
        KeySet::from_json(json.as_bytes(), &Limits::default()).map_err(FetchError::NotAKeySet)
    }
}

pub(super) fn jwk(key_id: &str) -> String {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{key_id}","x":"{x}"}}"#)
}

/// Refreshed every 300 s without jitter, dropped after 3600 s, 1 s between fetches.
pub(super) fn cache(source: &Arc<Source>, clock: Arc<dyn Clock>) -> KeyCache {
    cache_within(source, clock, &Limits::default())
}

pub(super) fn cache_within(source: &Arc<Source>, clock: Arc<dyn Clock>, limits: &Limits) -> KeyCache {
    KeyCache::new(Arc::<Source>::clone(source), "https://issuer".into(), clock, schedule(limits))
}

pub(super) fn schedule(limits: &Limits) -> Schedule {
    let (refresh, stale) = (Duration::from_secs(300), Duration::from_secs(3600));
    Schedule::new(refresh, stale, limits).with_random(Arc::new(FixedRandom::of(0)))
}

pub(super) async fn ask(cache: &KeyCache, key_id: &str) -> &'static str {
    ask_for(Share::UNKNOWN, cache, key_id).await
}

pub(super) async fn ask_for(peer: Share, cache: &KeyCache, key_id: &str) -> &'static str {
    match cache.key(key_id, peer).await {
        Ok(_) => "found",
        Err(LookupError::Unknown) => "unknown",
        Err(LookupError::ShareUsedUp(_)) => "share used up",
        Err(LookupError::Unavailable(KeySetUnavailable::Fetch(_))) => "fetch failed",
        Err(LookupError::Unavailable(KeySetUnavailable::Waited(_))) => "waited",
        Err(LookupError::Unavailable(KeySetUnavailable::Crowded)) => "crowded",
        Err(LookupError::Unavailable(KeySetUnavailable::NoRuntime)) => "no runtime",
    }
}

/// The answer if it can be had without waiting.
pub(crate) fn at_once<Answer>(asked: impl Future<Output = Answer>) -> Option<Answer> {
    let mut asked = std::pin::pin!(asked);
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
