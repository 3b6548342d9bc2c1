//! Every metric of this crate, by name, in one place.

pub use crate::bundle::telemetry::{
    BUNDLE_AGE, BUNDLE_FETCHES, BUNDLE_KEYS, BUNDLE_UNAVAILABLE, BUNDLE_UNKNOWN_KEYS,
};
pub use crate::jwks::telemetry::{
    JWKS_AGE, JWKS_FETCHES, JWKS_KEYS, JWKS_SKIPPED_KEYS, JWKS_UNKNOWN_KEY_IDS,
};

/// Credentials judged, by `outcome` (`accepted`, `refused`, `unavailable`) and `kind`: the reason, `none` where accepted.
pub const TOKENS: &str = "kest_tokens_total";
/// Questions to the memory of verified tokens by `outcome`: `hit`, `miss`, `stale` or `off`.
pub const TOKEN_CACHE: &str = "kest_token_cache_total";
/// Scopes and roles of verified tokens that cannot be read, and so grant nothing, by `grant`: `scope` or `role`.
pub const GRANTS_UNREADABLE: &str = "kest_token_grants_unreadable_total";

/// Describes every metric to the recorder that is installed.
pub fn describe_metrics() {
    crate::jwks::telemetry::describe_metrics();
    crate::bundle::telemetry::describe_metrics();
    metrics::describe_counter!(TOKENS, "credentials judged by outcome and kind");
    metrics::describe_counter!(TOKEN_CACHE, "questions to the memory of verified tokens by outcome");
    metrics::describe_counter!(GRANTS_UNREADABLE, "scopes and roles that cannot be read by grant");
}

/// What became of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenOutcome {
    Accepted,
    Refused(&'static str),
    Unavailable(&'static str),
}

pub(crate) fn token_judged(outcome: TokenOutcome) {
    let (outcome, kind) = match outcome {
        TokenOutcome::Accepted => ("accepted", "none"),
        TokenOutcome::Refused(kind) => ("refused", kind),
        TokenOutcome::Unavailable(kind) => ("unavailable", kind),
    };
    metrics::counter!(TOKENS, "outcome" => outcome, "kind" => kind).increment(1);
}

/// What a token may grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    Scope,
    Role,
}

pub(crate) fn grants_unreadable(grant: Grant, count: usize) {
    let grant = match grant {
        Grant::Scope => "scope",
        Grant::Role => "role",
    };
    tracing::debug!(grant, count, "token names grants that cannot be read and count for nothing");
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!(GRANTS_UNREADABLE, "grant" => grant).increment(count);
}

/// How the memory of verified tokens answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryOutcome {
    /// The token was known and still holds.
    Hit,
    /// The token was not known.
    Miss,
    /// The token was known, but its time, its key or the clock had changed.
    Stale,
    /// Nothing is remembered.
    Off,
}

pub(crate) fn memory_asked(outcome: MemoryOutcome) {
    let outcome = match outcome {
        MemoryOutcome::Hit => "hit",
        MemoryOutcome::Miss => "miss",
        MemoryOutcome::Stale => "stale",
        MemoryOutcome::Off => "off",
    };
    metrics::counter!(TOKEN_CACHE, "outcome" => outcome).increment(1);
}
