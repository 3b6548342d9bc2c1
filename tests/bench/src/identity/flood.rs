//! Strangers who name keys that do not exist, each a new one, at a steady pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kest::core::{BoxError, Evidence, Lineage, Random as _, authenticate};
use kest::{JwtAuthenticator, OsRandom};
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::issuer::{AUDIENCE, NAME, encoded};

/// A flood that goes on until it is dropped.
pub(super) struct Flood {
    tally: Arc<Tally>,
    began: Instant,
    pouring: JoinHandle<()>,
}

/// How many came, and how many were let in.
#[derive(Debug, Default)]
struct Tally {
    came: AtomicUsize,
    admitted: AtomicUsize,
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.pouring.abort();
    }
}

impl Flood {
    /// Begins to pour over `authenticator`.
    pub(super) fn begin(authenticator: &Arc<JwtAuthenticator>) -> Self {
        let tally = Arc::<Tally>::default();
        let pouring = tokio::spawn(pour(Arc::clone(authenticator), Arc::clone(&tally)));
        Self { tally, began: Instant::now(), pouring }
    }

    /// How many came so far, and in what time. An error when a request was let in.
    pub(super) fn so_far(&self) -> Result<(usize, Duration), BoxError> {
        if self.tally.admitted.load(Ordering::SeqCst) > 0 {
            return Err("a token with an unknown key was let in".into());
        }
        Ok((self.tally.came.load(Ordering::SeqCst), self.began.elapsed()))
    }
}

async fn pour(authenticator: Arc<JwtAuthenticator>, tally: Arc<Tally>) {
    let mut beat = tokio::time::interval(Duration::from_millis(1));
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut strangers = JoinSet::new();
    loop {
        beat.tick().await;
        for _ in 0..IN_A_MILLISECOND {
            strangers.spawn(come(Arc::clone(&authenticator), Arc::clone(&tally)));
        }
        while strangers.try_join_next().is_some() {}
    }
}

async fn come(authenticator: Arc<JwtAuthenticator>, tally: Arc<Tally>) {
    let header = format!("Bearer {}", token());
    tally.came.fetch_add(1, Ordering::Relaxed);
    let evidence = Evidence::new(&Lineage::Absent).with_authorization([header.as_bytes()]);
    if authenticate(authenticator.as_ref(), &evidence).await.is_ok() {
        tally.admitted.fetch_add(1, Ordering::Relaxed);
    }
}

/// As good as any, but for a key that is not published.
fn token() -> String {
    let mut name = [0; 12];
    // Without randomness all name the same key, and the rate says nothing; that it happened shows in the fetches.
    let _same_name = OsRandom.fill(&mut name);
    let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": encoded(name)});
    let claims = json!({"iss": NAME, "aud": AUDIENCE, "sub": "stranger", "exp": 4_102_444_800_u64});
    format!("{}.{}.{}", encoded(header.to_string()), encoded(claims.to_string()), encoded([7; 64]))
}

/// Ten thousand a second.
const IN_A_MILLISECOND: usize = 10;
