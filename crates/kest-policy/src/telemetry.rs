//! Every metric of this crate, by name, in one place.

use std::sync::Arc;
use std::time::Duration;

use kest_core::entry::PolicyName;

use crate::engine::{EngineError, Verdict};

/// Decisions by `policy`, `tier` and `decision` (`allow`, `deny`, `error`).
pub const DECISIONS: &str = "kest_policy_decisions_total";
/// Questions to the decision cache by `outcome`: `hit`, `miss`, or `off`.
pub const CACHE: &str = "kest_policy_cache_total";
/// Evaluations without a verdict by `engine` and `kind` (`unknown`, `failed`, `unavailable`).
pub const ENGINE_ERRORS: &str = "kest_policy_engine_errors_total";
/// Seconds that one evaluation took, by `engine`.
pub const EVALUATION: &str = "kest_policy_evaluation_seconds";
/// Deviations used, by `policy`, `tier` and `operation`.
pub const DEVIATIONS: &str = "kest_policy_deviations_total";
/// Attempts to load a set of policies anew, by `outcome`: `loaded` or `kept_old`.
pub const RELOADS: &str = "kest_policy_reloads_total";
/// Checks of the files of a watched set that gave no result, by `kind` (`unreadable`, `timed_out`, `panicked`,
/// `no_thread`).
pub const FAILED_CHECKS: &str = "kest_policy_failed_checks_total";
/// When the files of a watched set were last read whole, in seconds since 1970: an alarm on its age finds a watch that
/// does not see what is changed.
pub const LAST_GOOD_CHECK: &str = "kest_policy_last_good_check_timestamp_seconds";

/// Describes every metric to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(DECISIONS, "policy decisions by policy, tier and decision");
    metrics::describe_counter!(CACHE, "questions to the decision cache by outcome");
    metrics::describe_counter!(ENGINE_ERRORS, "policy evaluations without a verdict by engine and kind");
    metrics::describe_histogram!(EVALUATION, metrics::Unit::Seconds, "time of one policy evaluation");
    metrics::describe_counter!(DEVIATIONS, "deviations used by policy, tier and operation");
    metrics::describe_counter!(RELOADS, "attempts to load policies anew by outcome");
    metrics::describe_counter!(FAILED_CHECKS, "checks of policy files without a result by kind");
    metrics::describe_gauge!(LAST_GOOD_CHECK, metrics::Unit::Seconds, "unix time of the last good check");
}

/// How the cache answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheOutcome {
    Hit,
    Miss,
    Off,
}

pub(crate) fn cache_asked(outcome: CacheOutcome) {
    let outcome = match outcome {
        CacheOutcome::Hit => "hit",
        CacheOutcome::Miss => "miss",
        CacheOutcome::Off => "off",
    };
    metrics::counter!(CACHE, "outcome" => outcome).increment(1);
}

pub(crate) fn decided(policy: &PolicyName, tier: &'static str, verdict: Option<Verdict>) {
    let decision = match verdict {
        Some(Verdict::Allow) => "allow",
        Some(Verdict::Deny) => "deny",
        None => "error",
    };
    let policy: Arc<str> = policy.as_str().into();
    metrics::counter!(DECISIONS, "policy" => policy, "tier" => tier, "decision" => decision).increment(1);
}

pub(crate) fn evaluated(engine: &'static str, took: Duration, error: Option<&EngineError>) {
    metrics::histogram!(EVALUATION, "engine" => engine).record(took);
    let kind = match error {
        None => return,
        Some(EngineError::UnknownPolicy(_)) => "unknown",
        Some(EngineError::Failed(_)) => "failed",
        Some(EngineError::Unavailable(_)) => "unavailable",
        Some(EngineError::NoSlot(_)) => "no_slot",
    };
    metrics::counter!(ENGINE_ERRORS, "engine" => engine, "kind" => kind).increment(1);
}

pub(crate) fn deviated(policy: &PolicyName, tier: &'static str, operation: &str) {
    let (policy, operation): (Arc<str>, Arc<str>) = (policy.as_str().into(), operation.into());
    metrics::counter!(DEVIATIONS, "policy" => policy, "tier" => tier, "operation" => operation).increment(1);
}

pub(crate) fn reloaded(loaded: bool) {
    let outcome = if loaded { "loaded" } else { "kept_old" };
    metrics::counter!(RELOADS, "outcome" => outcome).increment(1);
}

pub(crate) fn check_failed(kind: &'static str) {
    metrics::counter!(FAILED_CHECKS, "kind" => kind).increment(1);
}

pub(crate) fn check_succeeded(at: std::time::SystemTime) {
    let since = at.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!(LAST_GOOD_CHECK).set(since.as_secs_f64());
}
