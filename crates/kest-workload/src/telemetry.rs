//! Every metric of workload identity, by name.

/// Handshakes of listeners by `outcome`: `held`, or why they were refused: `certificate`, `void`, `trust_domain`, `timed_out`,
/// `crowded`, and others.
pub const HANDSHAKES: &str = "kest_workload_handshakes_total";
/// Requests on connections whose peer has an epoch that became void since the handshake.
pub const VOID_REQUESTS: &str = "kest_workload_void_requests_total";
/// Seconds until the certificate of this process ends; below zero once it has.
pub const SECONDS_LEFT: &str = "kest_workload_certificate_seconds_left";
/// Tries to renew or to enrol, by `how` and `outcome`: `done`, or why not.
pub const RENEWALS: &str = "kest_workload_renewals_total";

/// Describes these metrics to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(HANDSHAKES, "handshakes of listeners by outcome");
    metrics::describe_counter!(VOID_REQUESTS, "requests of peers whose epoch became void");
    metrics::describe_gauge!(SECONDS_LEFT, metrics::Unit::Seconds, "seconds until the own certificate ends");
    metrics::describe_counter!(RENEWALS, "tries to renew or to enrol by how and outcome");
}

pub(crate) fn handshake(outcome: &'static str) {
    metrics::counter!(HANDSHAKES, "outcome" => outcome).increment(1);
}

pub(crate) fn seconds_left(identity: &str, not_after: u64, now: u64) {
    let seconds = |number: u64| u32::try_from(number).map_or(f64::MAX, f64::from);
    let left = seconds(not_after.saturating_sub(now)) - seconds(now.saturating_sub(not_after));
    metrics::gauge!(SECONDS_LEFT, "identity" => identity.to_owned()).set(left);
}

pub(crate) fn renewed(how: &'static str, outcome: &'static str) {
    metrics::counter!(RENEWALS, "how" => how, "outcome" => outcome).increment(1);
}

#[cfg(feature = "axum")]
pub(crate) fn void_request() {
    metrics::counter!(VOID_REQUESTS).increment(1);
}
