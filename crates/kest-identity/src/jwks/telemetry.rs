//! Every metric of the keys, by name.

use std::sync::Arc;
use std::time::Duration;

use super::{KeySet, SkippedKey};
use crate::refresh::Refusal;

/// Fetches of a key set by `issuer` and `outcome`: `fetched`, or the kind of the failure.
pub const JWKS_FETCHES: &str = "kest_jwks_fetches_total";
/// Usable keys of the last fetch by `issuer`.
pub const JWKS_KEYS: &str = "kest_jwks_keys";
/// Keys that were left out, counted at each fetch, by `issuer` and `reason`.
pub const JWKS_SKIPPED_KEYS: &str = "kest_jwks_skipped_keys_total";
/// Tokens refused because of their key id by `issuer` and `how`: `fetched` (the issuer was asked for it),
/// `remembered` (it had been asked a moment ago), `crowded` (too many waited already).
pub const JWKS_UNKNOWN_KEY_IDS: &str = "kest_jwks_unknown_kid_total";
/// Seconds since the keys in use were asked for, told after each fetch and every 15 s, by `issuer`.
pub const JWKS_AGE: &str = "kest_jwks_age_seconds";

/// Describes the metrics of the keys to the recorder that is installed.
pub(crate) fn describe_metrics() {
    metrics::describe_counter!(JWKS_FETCHES, "fetches of a key set by issuer and outcome");
    metrics::describe_gauge!(JWKS_KEYS, "usable keys of the last fetch by issuer");
    metrics::describe_counter!(JWKS_SKIPPED_KEYS, "keys that were left out by issuer and reason");
    metrics::describe_counter!(
        JWKS_UNKNOWN_KEY_IDS,
        "tokens refused because of their key id by issuer and how"
    );
    metrics::describe_gauge!(JWKS_AGE, metrics::Unit::Seconds, "age of the keys in use by issuer");
}

pub(super) fn unknown(issuer: &Arc<str>, how: Refusal) {
    let how = how.as_str();
    metrics::counter!(JWKS_UNKNOWN_KEY_IDS, "issuer" => Arc::clone(issuer), "how" => how).increment(1);
}

pub(super) fn fetched(issuer: &Arc<str>, outcome: &'static str) {
    metrics::counter!(JWKS_FETCHES, "issuer" => Arc::clone(issuer), "outcome" => outcome).increment(1);
}

pub(super) fn renewed(issuer: &Arc<str>, keys: &KeySet) {
    metrics::gauge!(JWKS_KEYS, "issuer" => Arc::clone(issuer)).set(count(keys.len()));
    for reason in SkippedKey::ALL {
        let skipped = u64::try_from(keys.skipped(reason)).unwrap_or(u64::MAX);
        if skipped > 0 {
            let reason = reason.kind();
            metrics::counter!(JWKS_SKIPPED_KEYS, "reason" => reason, "issuer" => Arc::clone(issuer))
                .increment(skipped);
        }
    }
}

pub(super) fn aged(issuer: &Arc<str>, age: Duration) {
    metrics::gauge!(JWKS_AGE, "issuer" => Arc::clone(issuer)).set(age.as_secs_f64());
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
