//! What is logged and counted: each event once, with the identity where it is proved, and nothing that is secret.

use std::io::Write;
use std::sync::{Arc, Mutex};

use kest_authority::{Place, telemetry};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::rig::{Applicant, Rig, id};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs to its end on this thread, whose recorder and subscriber these are.
#[test]
fn events_are_counted_and_logged_without_secrets() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ticket = metrics::with_local_recorder(&recorder, || {
        tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(async {
                let rig = Rig::start().await;
                let ticket = rig.ticket("cart", Place::Free).await;
                rig.authority.enrol(&Applicant::new().request(&rig, &ticket).await).await.unwrap();
                let again = Applicant::new().request(&rig, &ticket).await;
                rig.authority.enrol(&again).await.unwrap_err();
                let guessed = Applicant::new().request(&rig, "kest-ticket-guessed").await;
                rig.authority.enrol(&guessed).await.unwrap_err();
                rig.authority.revoke(&id("cart")).await.unwrap();
                ticket
            })
        })
    });
    let all = snapshotter.snapshot().into_vec();
    let value = |name: &str, kind: Option<&str>| {
        let found = all.iter().find(|(key, _, _, _)| {
            let is_kind = |label: &metrics::Label| label.key() == "kind" && Some(label.value()) == kind;
            key.key().name() == name && (kind.is_none() || key.key().labels().any(is_kind))
        });
        found.map(|(_, _, _, value)| match value {
            DebugValue::Counter(count) => *count,
            DebugValue::Gauge(_) | DebugValue::Histogram(_) => u64::MAX,
        })
    };
    assert_eq!(value(telemetry::ISSUED, None), Some(1));
    assert_eq!(value(telemetry::REFUSED, Some("ticket_used")), Some(1));
    assert_eq!(value(telemetry::REFUSED, Some("no_ticket")), Some(1));
    assert_eq!(value(telemetry::ALARMS, None), Some(1));
    assert_eq!(value(telemetry::REVOKED, None), Some(1));
    assert_eq!(value(telemetry::ROOT_LEFT, None), Some(u64::MAX));

    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(said.matches("ERROR kest.authority: ticket was used again").count(), 1, "{said}");
    assert!(said.contains("identity=spiffe://example.org/cart first_used="), "{said}");
    assert!(said.contains(r#"kind="no_ticket""#) && said.contains("revoked up to this epoch"), "{said}");
    let secret = ticket.split('.').nth(1).unwrap();
    assert!(!said.contains(secret) && !said.contains("guessed"), "{said}");
}
