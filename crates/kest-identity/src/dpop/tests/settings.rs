//! Settings that would not protect anything are refused.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kest_core::replay::{Novelty, ReplayId, ReplayStoreError};
use kest_core::{Clock, Limits, ReplayStore};
use kest_testkit::{NoRandom, TestClock};

use crate::Algorithm;
use crate::dpop::{DpopSettings, DpopSettingsError, Proofs};

fn build(settings: DpopSettings) -> Result<Proofs, DpopSettingsError> {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::at(0));
    Proofs::new(settings, &clock, &NoRandom::default(), &Limits::default())
}

#[test]
fn unsafe_settings_are_refused() {
    let new = DpopSettings::new;
    for origin in
        ["", "api.example", "https://api.example/orders", "https://*.example", "https://u@api.example"]
    {
        let refused = build(new().origins(["https://api.example", origin]));
        assert!(matches!(refused, Err(DpopSettingsError::Origin)), "{origin}");
    }
    let none: [&str; 0] = [];
    assert!(matches!(build(new().origins(none)), Err(DpopSettingsError::Origin)));
    assert!(matches!(build(new().algorithms([])), Err(DpopSettingsError::NoAlgorithm)));
    let over = |seconds: u64| Duration::from_millis(seconds * 1000 + 1);
    assert!(matches!(build(new().window(over(300))), Err(DpopSettingsError::Window(_))));
    assert!(matches!(build(new().leeway(over(60))), Err(DpopSettingsError::Leeway(_))));
    assert!(build(new().window(Duration::from_secs(300)).leeway(Duration::from_secs(60))).is_ok());
}

#[derive(Debug)]
struct Keeps(Duration);

#[async_trait::async_trait]
impl ReplayStore for Keeps {
    async fn insert(&self, _id: ReplayId, _expires_at: SystemTime) -> Result<Novelty, ReplayStoreError> {
        Ok(Novelty::New)
    }

    fn longest_life(&self) -> Option<Duration> {
        Some(self.0)
    }
}

/// Its first caller would have been told otherwise, and every other one.
#[test]
fn store_that_would_refuse_good_proofs_is_found_when_the_service_starts() {
    let keeping = |seconds| {
        let store = Arc::new(Keeps(Duration::from_secs(seconds)));
        DpopSettings::new().window(Duration::from_secs(60)).leeway(Duration::from_secs(5)).replays(store)
    };
    assert!(build(keeping(70)).is_ok());
    let told = build(keeping(69));
    assert!(
        matches!(told, Err(DpopSettingsError::ReplaysTooShort { needed, .. }) if needed.as_secs() == 70),
        "{told:?}"
    );
    // A nonce of ours tells when a proof was made, so that none comes from the future.
    assert!(build(keeping(65).nonce_secret(&[7; 32])).is_ok());
    assert!(matches!(
        build(keeping(64).nonce_secret(&[7; 32])),
        Err(DpopSettingsError::ReplaysTooShort { .. })
    ));
}

#[test]
fn nonces_are_never_made_without_a_secret() {
    assert!(matches!(build(DpopSettings::new().require_nonce()), Err(DpopSettingsError::Random(_))));
    assert!(build(DpopSettings::new().nonce_secret(&[7; 32])).is_ok());
}

#[test]
fn secrets_are_not_shown() {
    let settings = DpopSettings::new().nonce_secret(&[123; 32]);
    assert!(!format!("{settings:?}").contains("123"));
    assert!(!format!("{:?}", build(settings).unwrap()).contains("123"));
}

#[test]
fn algorithms_are_named_for_the_challenge() {
    let proofs = build(DpopSettings::new().algorithms([Algorithm::Es256, Algorithm::EdDsa])).unwrap();
    assert_eq!(proofs.algorithm_names(), "ES256 EdDSA");
    assert!(!build(DpopSettings::new()).unwrap().algorithm_names().contains("HS"));
}
