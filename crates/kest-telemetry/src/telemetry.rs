//! Every metric of this crate, by name, in one place.

/// Spans that could not be exported. Those that did not fit the queue are told by OpenTelemetry in a line.
pub const SPANS_LOST: &str = "kest_spans_lost_total";

/// Describes every metric to the recorder that is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(SPANS_LOST, "spans that could not be exported");
}

pub(crate) fn lost(spans: usize) {
    metrics::counter!(SPANS_LOST).increment(u64::try_from(spans).unwrap_or(u64::MAX));
}
