//! Spans of messages, and what of a passport stands in spans.

use std::collections::HashMap;
use std::time::Duration;

use kest::core::AdmitError;
use kest::core::span::SCOPE;
use kest::prelude::*;
use kest::telemetry::{Exporter, Guard, export};
use kest::{KestBuilder, Limits, Operation, carry, dangerous_allow_all};
use kest_testkit::{PolicyAnswer, RecordingPolicy};
use serde_json::Value;
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::rig;

const HOUR: Duration = Duration::from_secs(3600);

/// The spans of this thread, as long as it lives.
struct Export {
    _subscriber: DefaultGuard,
    guard: Guard,
    folder: TempDir,
}

impl Export {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (spans, guard) = export("pictures", Exporter::File(folder.path().join("spans"))).unwrap();
        let subscriber = tracing_subscriber::registry().with(spans);
        Self { _subscriber: tracing::subscriber::set_default(subscriber), guard, folder }
    }

    /// The one span of this name, of those that have ended.
    #[track_caller]
    fn span(&self, name: &str) -> Value {
        self.guard.flush().unwrap();
        let written = std::fs::read_to_string(self.folder.path().join("spans")).unwrap();
        let of = |it: &Value, name: &str| it[name].as_array().unwrap().clone();
        let batches = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let scopes = batches.flat_map(|it| of(&it, "resourceSpans")).flat_map(|it| of(&it, "scopeSpans"));
        let ours = scopes.filter(|it| it["scope"]["name"] == SCOPE);
        let mut named = ours.flat_map(|it| of(&it, "spans")).filter(|it| it["name"] == name);
        let (Some(one), None) = (named.next(), named.next()) else { panic!("not one {name}: {written}") };
        one
    }
}

fn attribute<'it>(span: &'it Value, name: &str) -> Option<&'it str> {
    let mut all = span["attributes"].as_array().unwrap().iter();
    all.find(|it| it["key"] == name).map(|it| it["value"]["stringValue"].as_str().unwrap())
}

fn service() -> KestBuilder {
    let (signer, trusted) = rig::keys("pictures");
    Kest::builder(signer).trust(trusted).without_deployment_policies()
}

/// The headers of a message, and the trace that the operation which sent it has signed.
async fn sent(kest: &Kest) -> (HashMap<String, String>, String) {
    let upload = Operation::from_static("upload");
    let upload = kest.originate(Origin::system(), &upload, &dangerous_allow_all()).await.unwrap();
    let mut headers = HashMap::from([("tracestate".to_owned(), "stale=1".to_owned())]);
    carry(&upload, &mut headers).await.unwrap();
    (headers, signed(&upload))
}

fn signed(admission: &Admission) -> String {
    admission.entry().labels().trace_id().unwrap().to_owned()
}

#[tokio::test]
async fn message_is_in_the_trace_of_the_operation_that_sent_it() {
    let export = Export::start();
    let kest = service().build().unwrap();
    let (headers, trace) = sent(&kest).await;
    assert_eq!(headers["tracestate"], "", "the state of another span went along");
    let message = kest.continue_from(&headers).max_age(HOUR).await.unwrap();
    let resize = Operation::from_static("resize");
    let job = message.admit(&resize, &dangerous_allow_all()).await.unwrap();
    assert_eq!(signed(&job), trace);
    drop((job, message));
    let (upload, inbound) = (export.span("kest.verified.upload"), export.span("kest.inbound"));
    let resize = export.span("kest.verified.resize");
    for span in [&upload, &inbound, &resize] {
        assert_eq!(span["traceId"], trace);
    }
    let parents = (&inbound["parentSpanId"], &resize["parentSpanId"]);
    assert_eq!(parents, (&upload["spanId"], &inbound["spanId"]));
    const CONSUMER: u64 = 5;
    assert_eq!(inbound["kind"], CONSUMER);
}

/// Attack: a program that writes to the queue names the trace of others.
#[tokio::test]
async fn trace_that_the_lineage_of_a_message_has_not_signed_is_linked_to() {
    const OTHER: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let export = Export::start();
    let kest = service().build().unwrap();
    let (mut headers, _) = sent(&kest).await;
    headers.insert("traceparent".to_owned(), format!("00-{OTHER}-00f067aa0ba902b7-00"));
    let message = kest.continue_from(&headers).max_age(HOUR).await.unwrap();
    let resize = Operation::from_static("resize");
    let job = message.admit(&resize, &dangerous_allow_all()).await.unwrap();
    let trace = signed(&job);
    assert_ne!(trace, OTHER);
    drop((job, message));
    let inbound = export.span("kest.inbound");
    assert_eq!((&inbound["traceId"], &inbound["links"][0]["traceId"]), (&trace.into(), &OTHER.into()));
}

#[tokio::test]
async fn refused_message_and_job_that_was_not_admitted_in_time_are_exported_as_errors() {
    let export = Export::start();
    let mut limits = Limits::default();
    limits.admission_wait = Duration::from_millis(1);
    let kest = service().limits(limits).build().unwrap();
    let refused = kest.continue_from(&HashMap::<String, String>::new()).max_age(HOUR).await.unwrap_err();
    let inbound = export.span("kest.inbound");
    assert_eq!(inbound["status"]["message"], refused.kind());
    assert_eq!(attribute(&inbound, "error.type"), Some("passport_missing"));
    assert_eq!(attribute(&inbound, "kest.refusal.step"), Some("message"));

    let (headers, _) = sent(&kest).await;
    let message = kest.continue_from(&headers).max_age(HOUR).await.unwrap();
    let silent = RecordingPolicy::new(PolicyAnswer::Silent);
    let late = message.admit(&Operation::from_static("resize"), &silent).await;
    assert!(matches!(late, Err(AdmitError::TookTooLong)), "{late:?}");
    assert_eq!(attribute(&export.span("kest.verified.resize"), "error.type"), Some("took_too_long"));
}

#[tokio::test]
async fn passport_stands_in_spans_only_where_that_is_said() {
    let export = Export::start();
    let (silent, telling) =
        (service().build().unwrap(), service().dangerous_passports_in_spans().build().unwrap());
    let entry = async |kest: Kest, name: &'static str| {
        let operation = Operation::from_static(name);
        let admission = kest.originate(Origin::system(), &operation, &dangerous_allow_all()).await.unwrap();
        admission.entry().compact().to_owned()
    };
    let (_, shown) = (entry(silent, "hidden").await, entry(telling, "shown").await);
    assert_eq!(attribute(&export.span("kest.verified.hidden"), "kest.passport"), None);
    let passport = format!("[\"{shown}\"]");
    assert_eq!(attribute(&export.span("kest.verified.shown"), "kest.passport"), Some(passport.as_str()));
}
