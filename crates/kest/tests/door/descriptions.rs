//! Operations that are completed by what a request says.

use std::time::Duration;

use axum::extract::Path;
use kest::core::entry::Resource;
use kest::extract::describe;
use kest::{DescribeError, JsonObject, Operation, OtelContext, SpanId, TraceId};

use crate::rig::{call, kest, operation, refusal, request};

#[tokio::test]
async fn description_by_extractors_is_what_is_signed_and_what_policy_sees() {
    let kest = kest();
    let described = kest.operation("read_invoice").describe(describe(
        async |operation: Operation, Path(id): Path<String>| {
            let resource =
                Resource::from_segments(["invoices", &id])?.with_attributes(r#"{"tenant":"acme"}"#);
            let resource = resource.map_err(DescribeError::malformed)?;
            Ok(operation.resource(resource).taint("uploaded"))
        },
    ));
    let layer = described
        .policy_fn("acme_only", |asked| {
            asked.resource().attributes() == Some(r#"{"tenant":"acme"}"#)
                && asked.taints().contains("uploaded")
        })
        .unwrap();
    let (response, seen) = call(&kest, layer, request("")).await;
    assert_eq!(response.status(), 200);
    let entry = seen.admissions[0].entry();
    assert_eq!(entry.labels().get("kest.resource_id"), Some("/invoices/7"));
    assert!(entry.taints().contains("uploaded"));
}

#[tokio::test]
async fn environment_labels_and_span_of_a_request_are_signed_and_policy_sees_the_environment() {
    let kest = kest();
    let layer = kest
        .operation("read_invoice")
        .label("team", "ledger")
        .describe(describe(async |operation: Operation, Path(id): Path<String>| {
            let trace = TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
            let span = OtelContext::new(trace, SpanId::parse("00f067aa0ba902b7").unwrap());
            let environment = JsonObject::parse(r#"{"region":"eu"}"#)?;
            Ok(operation.environment(environment).label("invoice", id).otel_context(span))
        }))
        .policy_fn("in_europe", |asked| asked.environment().as_str() == r#"{"region":"eu"}"#)
        .unwrap();
    let (response, seen) = call(&kest, layer, request("")).await;
    assert_eq!(response.status(), 200);
    let entry = seen.admissions[0].entry();
    assert_eq!(entry.environment().as_str(), r#"{"region":"eu"}"#);
    assert_eq!((entry.labels().get("team"), entry.labels().get("invoice")), (Some("ledger"), Some("7")));
    assert_eq!(entry.labels().trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert!(entry.otel_context().as_str().contains("00f067aa0ba902b7"));
}

/// Attack: what a stranger sent, carried into a record that travels with every call behind it.
#[tokio::test]
async fn description_that_cannot_be_recorded_runs_nothing_and_is_refused_before_policy_is_asked() {
    let kest = kest();
    let long = |length: usize| format!(r#"{{"note":"{}"}}"#, "x".repeat(length));
    type Change = Box<dyn Fn(Operation) -> Operation + Send + Sync>;
    let changes: [(Change, (u16, &str)); 5] = [
        (
            Box::new(move |it| it.environment(JsonObject::parse(&long(3000)).unwrap())),
            (400, "request_undescribed"),
        ),
        (Box::new(|it| it.label("note", "x".repeat(2000))), (400, "request_undescribed")),
        (Box::new(|it| it.label("note", "a\nb")), (400, "request_undescribed")),
        (Box::new(|it| it.label("kest.tenant", "acme")), (500, "not_signable")),
        (Box::new(|it| it.taint("")), (500, "not_signable")),
    ];
    for (change, refused) in changes {
        let described = kest.operation("read_invoice").describe(move |operation, _parts| {
            let operation = change(operation);
            async { Ok(operation) }
        });
        let unasked = described.policy_fn("unasked", |_asked| panic!("policy was asked")).unwrap();
        let (response, seen) = call(&kest, unasked, request("")).await;
        assert_eq!(refusal(response).await, refused);
        assert!(seen.admissions.is_empty());
    }
}

/// Attack: a request that a description cannot make sense of, sent in the hope that the handler runs all the same.
#[tokio::test]
async fn request_that_cannot_be_described_runs_nothing_and_signs_nothing() {
    let kest = kest();
    let number = describe(async |operation: Operation, Path(_id): Path<u64>| Ok(operation));
    let layer = operation(&kest, |it| it.describe(number));
    let mut strange = request("");
    *strange.uri_mut() = "/invoices/seven".parse().unwrap();
    let (response, seen) = call(&kest, layer, strange).await;
    assert_eq!(refusal(response).await, (400, "request_undescribed"));
    assert!(seen.admissions.is_empty());

    let away =
        operation(&kest, |it| it.describe(async |_, _| Err(DescribeError::unavailable("no database"))));
    let (response, seen) = call(&kest, away, request("")).await;
    assert_eq!(refusal(response).await, (503, "description_unavailable"));
    assert!(seen.admissions.is_empty());

    let twofold = operation(&kest, |it| {
        it.describe(async |operation: Operation, _| Ok(operation.resource(Resource::new("/a/../b"))))
    });
    let (response, seen) = call(&kest, twofold, request("")).await;
    assert_eq!(refusal(response).await, (400, "resource_malformed"));
    assert!(seen.admissions.is_empty());
}

/// Attack: a description that never ends holds its request for ever.
#[tokio::test(start_paused = true)]
async fn description_that_hangs_ends_with_the_time_of_the_admission() {
    let kest = kest();
    let layer = operation(&kest, |it| it.describe(async |_, _| std::future::pending().await));
    let began = tokio::time::Instant::now();
    let (response, seen) = call(&kest, layer, request("")).await;
    assert_eq!(refusal(response).await, (503, "took_too_long"));
    assert!(began.elapsed() < kest.limits().admission_wait + Duration::from_secs(1));
    assert!(seen.admissions.is_empty());
}
