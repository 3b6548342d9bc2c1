//! Counts what is counted, by name and labels, for one test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kest_identity::telemetry::{TOKEN_CACHE, TOKENS};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, LocalRecorderGuard, Metadata, Recorder, SharedString,
    Unit,
};

#[derive(Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<BTreeMap<String, u64>>>);

impl Meter {
    /// Counts on this thread until the guard is dropped.
    pub(crate) fn listen() -> (Self, LocalRecorderGuard<'static>) {
        let meter = Self::default();
        let recorder: &'static Self = Box::leak(Box::new(meter.clone()));
        (meter, metrics::set_default_local_recorder(recorder))
    }

    /// Answers of the memory of verified tokens.
    pub(crate) fn cache(&self, outcome: &str) -> u64 {
        self.count(&format!("{TOKEN_CACHE} outcome={outcome}"))
    }

    /// Tokens judged.
    pub(crate) fn tokens(&self, outcome: &str, kind: &str) -> u64 {
        self.count(&format!("{TOKENS} outcome={outcome} kind={kind}"))
    }

    /// Everything that was counted, names and labels alone.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    fn count(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

struct Count(Meter, String);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, value: u64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl Recorder for Meter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: String =
            key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        Counter::from_arc(Arc::new(Count(self.clone(), format!("{}{labels}", key.name()))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
