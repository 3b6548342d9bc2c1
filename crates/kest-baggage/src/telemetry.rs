//! Every metric of this crate, by name, in one place.

use std::time::Duration;

use crate::claims::Shelf;
use crate::restore::RestoreError;

/// Questions to claim stores by `operation` (`put`, `get`, `remove`), `outcome` (`kept`, `hit`, `miss`, `ended`,
/// `full`, `share_full`, `unavailable`, `slow`) and `store` (`first`, `second`).
pub const CLAIMS: &str = "kest_claims_total";
/// Seconds that one question to a claim store took, by `operation` and `store`.
pub const CLAIMS_TIME: &str = "kest_claims_seconds";
/// Claims that a store gave and that were not believed, by `kind`. It stays at zero unless a
/// key or a name is wrong somewhere, or an attacker tries something.
pub const CLAIMS_REFUSED: &str = "kest_claims_refused_total";

/// Describes every metric to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(CLAIMS, "questions to claim stores by operation, outcome and store");
    metrics::describe_histogram!(
        CLAIMS_TIME,
        metrics::Unit::Seconds,
        "time of one question to a claim store"
    );
    metrics::describe_counter!(CLAIMS_REFUSED, "claims that were found and not believed, by kind");
}

/// What a claim store was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Put,
    Get,
    Remove,
}

pub(crate) fn store_asked(question: Question, shelf: Shelf, outcome: &'static str, took: Duration) {
    let operation = match question {
        Question::Put => "put",
        Question::Get => "get",
        Question::Remove => "remove",
    };
    let store = match shelf {
        Shelf::First => "first",
        Shelf::Second => "second",
    };
    metrics::histogram!(CLAIMS_TIME, "operation" => operation, "store" => store).record(took);
    metrics::counter!(CLAIMS, "operation" => operation, "outcome" => outcome, "store" => store).increment(1);
}

pub(crate) fn claim_refused(error: &RestoreError) {
    metrics::counter!(CLAIMS_REFUSED, "kind" => error.as_str()).increment(1);
}

#[cfg(test)]
#[path = "tests/telemetry.rs"]
mod tests;
