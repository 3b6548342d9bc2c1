//! Settings that would not protect anything are refused.

use std::sync::Arc;
use std::time::Duration;

use kest_core::{Clock, Limits};
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
