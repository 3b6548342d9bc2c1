//! Every metric of this crate, by name, in one place.

use std::time::Duration;

use crate::restore::RestoreError;
use crate::stores::WhichStore;

/// Questions to passport store by `operation` (`put`, `get`, `remove`), `outcome` (`kept`, `hit`, `miss`, `ended`,
/// `full`, `share_full`, `unavailable`, `slow`) and `store` (`first`, `second`).
pub const PASSPORT_STORE: &str = "kest_passport_store_questions_total";
/// Seconds that one question to a passport store took, by `operation` and `store`.
pub const PASSPORT_STORE_TIME: &str = "kest_passport_store_seconds";
/// Claim checks that a store gave and that were not believed, by `kind`. It stays at zero unless a
/// key or a name is wrong somewhere, or an attacker tries something.
pub const CLAIM_CHECKS_REFUSED: &str = "kest_claim_checks_refused_total";

/// Outgoing requests by `carried`: the tier of the passport, or `unlisted` where the destination is not listed and
/// nothing of ours went along.
pub const OUTGOING: &str = "kest_outgoing_total";

/// Describes every metric to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(
        PASSPORT_STORE,
        "questions to passport stores by operation, outcome and store"
    );
    metrics::describe_histogram!(
        PASSPORT_STORE_TIME,
        metrics::Unit::Seconds,
        "time of one question to a passport store"
    );
    metrics::describe_counter!(CLAIM_CHECKS_REFUSED, "claims that were found and not believed, by kind");
    metrics::describe_counter!(OUTGOING, "outgoing requests by what was carried");
}

pub(crate) fn carried(what: &'static str) {
    metrics::counter!(OUTGOING, "carried" => what).increment(1);
}

/// What a passport store was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Put,
    Get,
    Remove,
}

pub(crate) fn store_asked(question: Question, which: WhichStore, outcome: &'static str, took: Duration) {
    let operation = match question {
        Question::Put => "put",
        Question::Get => "get",
        Question::Remove => "remove",
    };
    let store = match which {
        WhichStore::First => "first",
        WhichStore::Second => "second",
    };
    metrics::histogram!(PASSPORT_STORE_TIME, "operation" => operation, "store" => store).record(took);
    metrics::counter!(PASSPORT_STORE, "operation" => operation, "outcome" => outcome, "store" => store)
        .increment(1);
}

pub(crate) fn claim_check_refused(error: &RestoreError) {
    metrics::counter!(CLAIM_CHECKS_REFUSED, "kind" => error.kind()).increment(1);
}

#[cfg(test)]
#[path = "tests/telemetry.rs"]
mod tests;
