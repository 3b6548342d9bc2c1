//! Every metric of trust bundles, by name.

use std::sync::Arc;
use std::time::Duration;

use crate::refresh::Refusal;

/// Looks at a trust bundle by `bundle` and `outcome`: `taken`, `unchanged`, or why it was not taken.
///
/// That is `shrinking`, `older`, `malformed`, `unreachable`, or another kind of [`BundleFault`](crate::BundleFault).
pub const BUNDLE_FETCHES: &str = "kest_bundle_fetches_total";
/// Keys of the bundle in use by `bundle`, those that have ended included.
pub const BUNDLE_KEYS: &str = "kest_bundle_keys";
/// Seconds since the bundle in use was asked for, told after each look and every 15 s, by `bundle`.
pub const BUNDLE_AGE: &str = "kest_bundle_age_seconds";
/// Passports under a key that is not in the bundle by `bundle` and `how`: `fetched` (it was looked for), `remembered` (it
/// had been a moment ago), `crowded` (too many waited already).
pub const BUNDLE_UNKNOWN_KEYS: &str = "kest_bundle_unknown_key_total";
/// Passports that could not be judged by `bundle` and `kind`: `stale`, `not_refreshed`, `waited`, `crowded`.
pub const BUNDLE_UNAVAILABLE: &str = "kest_bundle_unavailable_total";

/// Describes the metrics of trust bundles to the recorder that is installed.
pub(crate) fn describe_metrics() {
    metrics::describe_counter!(BUNDLE_FETCHES, "looks at a trust bundle by bundle and outcome");
    metrics::describe_gauge!(BUNDLE_KEYS, "keys of the trust bundle in use by bundle");
    metrics::describe_gauge!(BUNDLE_AGE, metrics::Unit::Seconds, "age of the trust bundle in use by bundle");
    metrics::describe_counter!(
        BUNDLE_UNKNOWN_KEYS,
        "passports under a key that is not in the trust bundle by bundle and how"
    );
    metrics::describe_counter!(BUNDLE_UNAVAILABLE, "passports that could not be judged by bundle and kind");
}

pub(super) fn fetched(bundle: &Arc<str>, outcome: &'static str) {
    metrics::counter!(BUNDLE_FETCHES, "bundle" => Arc::clone(bundle), "outcome" => outcome).increment(1);
}

pub(super) fn keys(bundle: &Arc<str>, count: usize) {
    let count = u32::try_from(count).map_or(f64::MAX, f64::from);
    metrics::gauge!(BUNDLE_KEYS, "bundle" => Arc::clone(bundle)).set(count);
}

pub(super) fn aged(bundle: &Arc<str>, age: Duration) {
    metrics::gauge!(BUNDLE_AGE, "bundle" => Arc::clone(bundle)).set(age.as_secs_f64());
}

pub(super) fn unknown(bundle: &Arc<str>, how: Refusal) {
    let how = how.as_str();
    metrics::counter!(BUNDLE_UNKNOWN_KEYS, "bundle" => Arc::clone(bundle), "how" => how).increment(1);
}

pub(super) fn unavailable(bundle: &Arc<str>, kind: &'static str) {
    metrics::counter!(BUNDLE_UNAVAILABLE, "bundle" => Arc::clone(bundle), "kind" => kind).increment(1);
}
