//! Every metric and every line of an authority, by name, in one place: what it issued, refused, and found to be stolen.

use kest_identity::SpiffeId;
use kest_workload::protocol::Epoch;

use crate::error::Trouble;
use crate::store::Alarm;

/// Certificates and tokens that were issued, by `operation`: `enrol`, `renew` or `token`.
pub const ISSUED: &str = "kest_authority_issued_total";
/// Requests that were refused, by `operation` and `kind`.
pub const REFUSED: &str = "kest_authority_refused_total";
/// Requests that the authority could not answer, by `operation` and `kind`; `upkeep` is its own work.
pub const TROUBLES: &str = "kest_authority_troubles_total";
/// Tickets that were used twice: each is one that was stolen.
pub const ALARMS: &str = "kest_authority_alarms_total";
/// Identities that were revoked.
pub const REVOKED: &str = "kest_authority_revoked_total";
/// Seconds until the root that issues is over.
pub const ROOT_LEFT: &str = "kest_authority_root_seconds_left";

/// Describes every metric to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(ISSUED, "certificates and tokens issued by operation");
    metrics::describe_counter!(REFUSED, "requests to the authority refused by operation and kind");
    metrics::describe_counter!(
        TROUBLES,
        "requests that the authority could not answer by operation and kind"
    );
    metrics::describe_counter!(ALARMS, "tickets used twice");
    metrics::describe_counter!(REVOKED, "identities revoked");
    metrics::describe_gauge!(ROOT_LEFT, metrics::Unit::Seconds, "time until the issuing root is over");
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Enrol,
    Renew,
    Token,
    Upkeep,
    Bundle,
}

impl Asked {
    fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Renew => "renew",
            Self::Token => "token",
            Self::Upkeep => "upkeep",
            Self::Bundle => "bundle",
        }
    }
}

pub(crate) fn issued(operation: Asked, identity: &SpiffeId, epoch: Epoch) {
    let operation = operation.as_str();
    tracing::info!(target: TARGET, operation, %identity, %epoch, "issued");
    metrics::counter!(ISSUED, "operation" => operation).increment(1);
}

/// `identity` is one that a certificate or the store proved; what a stranger says is not logged.
pub(crate) fn refused(operation: Asked, kind: &'static str, identity: Option<&SpiffeId>) {
    let operation = operation.as_str();
    let identity = identity.map(tracing::field::display);
    tracing::warn!(target: TARGET, operation, kind, identity, "refused");
    metrics::counter!(REFUSED, "operation" => operation, "kind" => kind).increment(1);
}

pub(crate) fn troubled(operation: Asked, trouble: &Trouble) {
    let (operation, kind) = (operation.as_str(), trouble.kind());
    let cause = std::error::Error::source(trouble).map(tracing::field::display);
    tracing::error!(target: TARGET, operation, kind, error = %trouble, cause, "authority cannot answer");
    metrics::counter!(TROUBLES, "operation" => operation, "kind" => kind).increment(1);
}

pub(crate) fn alarm(alarm: &Alarm) {
    let (first_used, uses) = (alarm.first_used, alarm.uses);
    tracing::error!(
        target: TARGET, identity = %alarm.identity, first_used, uses,
        "ticket was used again: one of its users stole it; revoke the identity if the first use was not its own"
    );
    metrics::counter!(ALARMS).increment(1);
}

pub(crate) fn revoked(identity: &SpiffeId, epoch: Epoch) {
    tracing::warn!(target: TARGET, %identity, %epoch, "revoked up to this epoch");
    metrics::counter!(REVOKED).increment(1);
}

pub(crate) fn ticket_given(identity: &SpiffeId, expires: u64) {
    tracing::info!(target: TARGET, %identity, expires, "ticket given out");
}

pub(crate) fn keys_replaced() {
    tracing::info!(target: TARGET, "keys of the authority were replaced");
}

pub(crate) fn root_left(seconds: u64) {
    // Some millions at most, far below what a number of this kind holds.
    metrics::gauge!(ROOT_LEFT).set(u32::try_from(seconds).unwrap_or(u32::MAX));
    if seconds < ROOT_ENDS_SOON {
        tracing::warn!(target: TARGET, seconds, "root of the authority ends soon: rotate it");
    }
}

/// The target of all lines.
const TARGET: &str = "kest.authority";

/// Thirty days.
const ROOT_ENDS_SOON: u64 = 30 * 24 * 3600;
