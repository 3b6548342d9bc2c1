//! Every member of an entry: what a service says of it is signed, read back by its accessor, and the same on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::entry::{Entry, OtelContext, PolicyTier, SpanId};
use crate::policy::policy_fn;
use crate::signature::KeyRing;
use crate::trust::Origin;
use crate::{
    Admission, AdmitError, AdmitErrorKind, AdmitOptions, Admitter, JsonObject, Operation, OperationError,
};

fn signer() -> Arc<Ed25519Signer> {
    Arc::new(
        Ed25519Signer::generate(WorkloadId::new("spiffe://example.org/cart").unwrap(), &OsRandom).unwrap(),
    )
}

fn admit(signer: Arc<Ed25519Signer>, operation: &Operation) -> Result<Admission, AdmitError> {
    let service = Admitter::builder(signer).build();
    let policy = policy_fn("kest/example", |_asked| true).unwrap();
    now(service.originate(Origin::user_input(), operation, &policy))
}

fn described() -> Operation {
    let trace = TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
    let span = SpanId::parse("00f067aa0ba902b7").unwrap();
    Operation::from_static("import_feed")
        .classification("confidential")
        .taint("web")
        .sanitizer(crate::entry::Sanitizer::because("schema checked").removes("feed"))
        .input(b"feed")
        .environment(
            JsonObject::parse(
                r#"{"région":"eu","load":1e21,"nested":{"b":[1.0],"a":null},"\ue000":1,"\ud83d\ude00":2}"#,
            )
            .unwrap(),
        )
        .otel_context(OtelContext::new(trace, span).with_flags(1))
        .label("team", "ledger")
        .label("billing.plan", "góld")
}

fn payload(entry: &Entry) -> Value {
    let part = entry.compact().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Another reader's view of `entry`, by its accessors alone.
fn by_accessors(entry: &Entry) -> Value {
    let object = |object: &JsonObject| serde_json::from_str::<Value>(object.as_str()).unwrap();
    let hash = |hash: Option<crate::entry::EntryHash>| hash.map(|it| it.to_hex()).unwrap_or_default();
    let policies = |tier| entry.policy_context().policies(tier).collect::<Vec<_>>();
    let parents: Vec<String> = entry.parents().iter().map(|parent| parent.to_hex()).collect();
    json!({
        "added_taints": entry.added_taints().iter().collect::<Vec<_>>(),
        "classification": entry.classification(),
        "content_hash": hash(entry.content_hash()),
        "entry_id": entry.entry_id().to_string(),
        "environment": object(entry.environment()),
        "input_hash": hash(entry.input_hash()),
        "labels": entry.labels().iter().collect::<std::collections::BTreeMap<_, _>>(),
        "metadata": entry.metadata().map(object),
        "operation": entry.operation().as_str(),
        "otel_context": object(entry.otel_context()),
        "parent_ids": if entry.is_root() { vec!["0".to_owned()] } else { parents },
        "policy_context": {
            "app_policies": policies(PolicyTier::Application),
            "deviations": entry.policy_context().deviations(),
            "enterprise_policies": policies(PolicyTier::Enterprise),
            "function_policies": policies(PolicyTier::Function),
            "platform_policies": policies(PolicyTier::Platform),
        },
        "removed_taints": entry.removed_taints().iter().collect::<Vec<_>>(),
        "runtime": {"name": entry.runtime().name(), "version": entry.runtime().version()},
        "schema_version": entry.schema_version(),
        "taints": entry.taints().iter().collect::<Vec<_>>(),
        "timestamp_ms": entry.timestamp_millis(),
        "trust_score": entry.trust_score().value(),
    })
}

#[test]
fn every_member_of_an_entry_is_read_by_its_accessor_before_and_after_it_travelled() {
    let signer = signer();
    let mut ring = KeyRing::new();
    ring.trust_signer(signer.as_ref()).unwrap();
    let root = admit(signer, &described()).unwrap();
    let next = now(root.operation(Operation::from_static("store")).admit(&dangerous_allow_all())).unwrap();
    let carried = UnverifiedPassport::from_json(
        next.passport().to_json().as_bytes(),
        next.passport().tips(),
        &Limits::default(),
    );
    let verified = Verifier::new(Limits::default()).verify(carried.unwrap(), &ring).unwrap();
    for (signed, read) in next.passport().entries().iter().zip(verified.entries()) {
        let wire = payload(signed);
        assert_eq!(wire.as_object().unwrap().len(), 18);
        assert_eq!(by_accessors(signed), wire);
        assert_eq!(by_accessors(read), wire);
        assert_eq!(read.environment().as_str(), signed.environment().as_str());
    }
    let wire = payload(root.entry());
    assert_eq!(
        wire["environment"],
        json!({"load": 1e21, "nested": {"a": null, "b": [1]}, "région": "eu", "\u{e000}": 1, "\u{1f600}": 2})
    );
    let otel = json!({"span_id": "00f067aa0ba902b7", "trace_flags": "01", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"});
    assert_eq!(wire["otel_context"], otel);
    assert_eq!(wire["labels"]["trace_id"], otel["trace_id"]);
    assert_eq!(
        (&wire["labels"]["team"], &wire["labels"]["billing.plan"]),
        (&json!("ledger"), &json!("góld"))
    );
    assert_eq!(payload(next.entry())["environment"], json!({}));
}

#[track_caller]
fn check_refused(operation: &Operation, cause: &str) {
    let refused = admit(signer(), operation).unwrap_err();
    assert_eq!((refused.kind(), refused.cause()), (AdmitErrorKind::NotSignable, Some(cause)));
}

/// Attack: a service, or what a stranger had it sign, that calls itself another tenant's.
#[test]
fn label_of_the_protocol_is_never_signed_in_a_services_own_words() {
    for name in ["kest.tenant", "principal", "Kest.Issuer", "trace_id"] {
        check_refused(&Operation::from_static("read").label(name, "other"), "label_name");
    }
    check_refused(&Operation::from_static("read").label("note", "x".repeat(1025)), "label_value");
}

/// Attack: names that mean something else to the parser than to the service.
#[test]
fn environment_with_names_of_the_parser_is_signed_as_it_was_said() {
    for said in [
        r#"{"a":{"$serde_json::private::RawValue":"true"}}"#,
        r#"{"a":[{"$serde_json::private::RawValue":"{\"b\":1}","z":2}]}"#,
        r#"{"$serde_json::private::RawValue":"no json","a":{"$serde_json::private::RawValue":"no json"}}"#,
        r#"{"a":{"$serde_json::private::Number":"1"}}"#,
    ] {
        let operation = Operation::from_static("read").environment(JsonObject::parse(said).unwrap());
        let signed = admit(signer(), &operation).unwrap();
        assert_eq!(signed.entry().environment().as_str(), said);
    }
}

#[test]
fn environment_is_bounded() {
    let text = format!(r#"{{"note":"{}"}}"#, "x".repeat(2048));
    let environment = JsonObject::parse(&text).unwrap();
    check_refused(&Operation::from_static("read").environment(environment), "environment");
}

#[test]
fn operation_that_no_route_has_named_is_not_admitted() {
    let refused = admit(signer(), &Operation::from_matched_path()).unwrap_err();
    assert_eq!(refused.kind(), AdmitErrorKind::OperationUnnamed);
    let named = Operation::from_matched_path().named_as(OperationName::from_static("GET /items"));
    assert_eq!(admit(signer(), &named).unwrap().entry().operation().as_str(), "GET /items");
}

#[test]
fn signer_of_one_operation_signs_its_entry_and_no_other() {
    let (own, other) = (signer(), signer());
    let service = Admitter::builder(Arc::<Ed25519Signer>::clone(&own)).build();
    let root = Arrival::new(Lineage::Absent, Caller::system());
    let signed_with = |options: AdmitOptions| {
        let operation = Operation::from_static("pay");
        let admission = now(service.admit(&root, &operation, &dangerous_allow_all(), options)).unwrap();
        let mut ring = KeyRing::new();
        ring.trust_signer(own.as_ref()).unwrap();
        let (json, tips) = (admission.passport().to_json(), admission.passport().tips());
        let carried = UnverifiedPassport::from_json(json.as_bytes(), tips, &Limits::default()).unwrap();
        Verifier::new(Limits::default()).verify(carried, &ring).is_ok()
    };
    assert!(signed_with(AdmitOptions::default()));
    assert!(!signed_with(AdmitOptions::default().with_signer(other)));
}

/// Attack: an operation signed in another workload's name, about which policy was not asked.
#[test]
fn signer_of_another_workload_signs_nothing() {
    let service = Admitter::builder(signer()).build();
    let ledger = WorkloadId::new("spiffe://example.org/ledger").unwrap();
    let other = Arc::new(Ed25519Signer::generate(ledger, &OsRandom).unwrap());
    assert_eq!(service.check_signer(other.as_ref()), Err(OperationError::OtherWorkload));
    let root = Arrival::new(Lineage::Absent, Caller::system());
    let options = AdmitOptions::default().with_signer(other);
    let operation = Operation::from_static("pay");
    let refused = now(service.admit(&root, &operation, &dangerous_allow_all(), options)).unwrap_err();
    assert!(matches!(refused, AdmitError::Operation(OperationError::OtherWorkload)));
}
