//! Every metric of this crate, by name, in one place.

use std::time::Duration;

use crate::{CommandError, ConnectError};

/// Commands by `command` (`put`, `charge`, `get`, `remove`, `insert`) and `outcome` (`answered`, `busy`, `away`, `timed_out`,
/// `lost`, `refused`, `unusable`).
pub const COMMANDS: &str = "kest_redis_commands_total";
/// Seconds that a command took, waiting for its turn included, by `command`.
pub const COMMAND: &str = "kest_redis_command_seconds";
/// Commands under way.
pub const IN_FLIGHT: &str = "kest_redis_commands_in_flight";
/// Commands that wait for their turn.
pub const WAITING: &str = "kest_redis_commands_waiting";
/// Connections by `outcome`: `made`, `lost`, or why none was made (`unreachable`, `timed_out`, `unauthorized`,
/// `may_evict`, ...).
pub const CONNECTIONS: &str = "kest_redis_connections_total";
/// Passports by `outcome`: `kept`, `taken`, `full`, `share_full`, `hit`, `miss`, `too_large`, `removed`, `absent`.
///
/// A `miss` is a claim check without its passport: a gap in the audit trail, unless it was made up.
pub const PASSPORTS: &str = "kest_redis_passports_total";
/// Identifiers by `outcome`: `new`, `seen`, `expired`, `forgotten`, `too_long`, `full`, `share_full`.
pub const REPLAYS: &str = "kest_redis_replays_total";
/// Fences set: each one is a part of the memory of identifiers that began anew.
pub const FENCES: &str = "kest_redis_fences_total";

/// Describes every metric to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(COMMANDS, "commands to the server by command and outcome");
    metrics::describe_histogram!(COMMAND, metrics::Unit::Seconds, "time of one command, its queue included");
    metrics::describe_gauge!(IN_FLIGHT, "commands under way");
    metrics::describe_gauge!(WAITING, "commands that wait for their turn");
    metrics::describe_counter!(CONNECTIONS, "connections made, lost and not made");
    metrics::describe_counter!(PASSPORTS, "claims by outcome");
    metrics::describe_counter!(REPLAYS, "identifiers by outcome");
    metrics::describe_counter!(FENCES, "parts of the memory of identifiers that began anew");
}

pub(crate) fn asked(command: &'static str, took: Duration, error: Option<&CommandError>) {
    let outcome = error.map_or("answered", CommandError::kind);
    metrics::counter!(COMMANDS, "command" => command, "outcome" => outcome).increment(1);
    metrics::histogram!(COMMAND, "command" => command).record(took);
}

pub(crate) fn in_flight(change: f64) {
    metrics::gauge!(IN_FLIGHT).increment(change);
}

pub(crate) fn waiting(change: f64) {
    metrics::gauge!(WAITING).increment(change);
}

pub(crate) fn connected(error: Option<&ConnectError>) {
    metrics::counter!(CONNECTIONS, "outcome" => error.map_or("made", ConnectError::kind)).increment(1);
}

pub(crate) fn lost() {
    metrics::counter!(CONNECTIONS, "outcome" => "lost").increment(1);
}

pub(crate) fn claim(outcome: &'static str) {
    metrics::counter!(PASSPORTS, "outcome" => outcome).increment(1);
}

pub(crate) fn replay(outcome: &'static str) {
    metrics::counter!(REPLAYS, "outcome" => outcome).increment(1);
}

pub(crate) fn fenced() {
    metrics::counter!(FENCES).increment(1);
}
