//! What is said when spans cannot be exported. The lines come from the exporter's own thread, so this has a process of its own.
#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]
#![cfg(target_os = "linux")]

use std::io::Write;
use std::sync::Mutex;

use kest_telemetry::{Exporter, export};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tracing_subscriber::layer::SubscriberExt as _;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        WRITTEN.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn spans_that_cannot_be_exported_are_counted_and_a_line_says_why() {
    let recorder = DebuggingRecorder::new();
    let counts = recorder.snapshotter();
    recorder.install().unwrap();
    // A disk that is full.
    let (spans, guard) = export("cart", Exporter::File("/dev/full".into())).unwrap();
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Lines).with_ansi(false);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(spans).with(lines)).unwrap();

    tracing::info_span!("first").in_scope(|| ());
    tracing::info_span!("second").in_scope(|| ());
    // Its word is of the last batch: the timer may have come first.
    drop(guard.flush());

    let counted: Vec<_> = counts
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, unit, _, value)| (key.key().name().to_owned(), unit, value))
        .collect();
    assert_eq!(counted, [("kest_spans_lost_total".to_owned(), None, DebugValue::Counter(2))]);
    let lines = String::from_utf8(WRITTEN.lock().unwrap().clone()).unwrap();
    let said: Vec<_> = lines.lines().filter(|line| line.contains("No space left on device")).collect();
    assert!(said.iter().any(|line| line.contains("ERROR")), "{lines}");
}
