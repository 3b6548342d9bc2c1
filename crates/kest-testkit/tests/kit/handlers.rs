//! Handlers, tested by calling them, and through their router.

use axum::body::{Body, to_bytes};
use http::Request;
use kest_axum::{Admitted, Authenticated};
use kest_core::Operation;
use kest_core::trust::Origin;
use kest_testkit::{PolicyAnswer, RecordingPolicy, TestCaller};
use tower::ServiceExt as _;

use crate::services::{kit, reserve, whole};

#[tokio::test]
async fn handler_is_called_directly() {
    let admission = kit().admission("reserve").caller(TestCaller::user("bob")).admit();
    let answer = reserve(Authenticated(admission.caller().clone()), Admitted(admission)).await;
    assert_eq!(answer, "bob reserved through 1 hops");
}

#[tokio::test]
async fn handler_is_called_through_its_router() {
    let kit = kit();
    let request = Request::post("/reserve").header("baggage", kit.lineage().hops(2).baggage());
    let response = whole(&kit).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(to_bytes(response.into_body(), 1024).await.unwrap(), "alice reserved through 3 hops");
}

#[test]
fn admission_has_the_lineage_caller_and_service_that_a_test_names() {
    let kit = kit();
    let lineage = kit
        .lineage()
        .caller(TestCaller::user("carol").agent("planner").tenant("acme"))
        .origin(Origin::user_input())
        .hop_as("gateway", Operation::from_static("import").taint("feed"));
    let admission = kit.admission("reserve").service("cart").lineage(lineage).admit();
    let caller = admission.caller();
    assert_eq!(
        (caller.user(), caller.agent(), caller.tenant()),
        (Some("carol"), Some("planner"), Some("acme"))
    );
    assert_eq!(admission.entry().workload().as_str(), "spiffe://test.example/cart");
    assert!(admission.entry().taints().contains("feed"));
    assert_eq!(admission.entry().trust_score().value(), 40);
    let signed = kit.signed();
    assert_eq!((signed[0].trust(), signed[0].taints()), (40, vec!["feed"]));
}

#[tokio::test]
async fn policy_is_asked_and_answers_as_it_is_told() {
    let (kit, policy) = (kit(), RecordingPolicy::new(PolicyAnswer::Deny));
    let admission = kit.admission("outer").admit();
    let nested = Operation::from_static("inner").taint("thumbnail");
    admission.operation(nested.clone()).admit(&policy).await.unwrap_err();
    policy.answer(PolicyAnswer::Unavailable);
    let away = admission.operation(nested.clone()).admit(&policy).await.unwrap_err();
    assert_eq!(away.kind().explanation().kind(), "policy_unavailable");
    policy.answer(PolicyAnswer::Allow);
    let inner = admission.operation(nested).admit(&policy).await.unwrap();
    assert_eq!(inner.passport().len(), 2);
    let asked = policy.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!((asked[2].operation.as_str(), asked[2].user.as_deref()), ("inner", Some("alice")));
    assert_eq!(
        (asked[2].taints.as_slice(), asked[2].hops, asked[2].is_root),
        (["thumbnail".to_owned()].as_slice(), 1, false)
    );
}

#[test]
#[should_panic(expected = "kest-testkit: an admission")]
fn admission_that_is_denied_ends_the_test() {
    let _never = kit().admission("reserve").policy(RecordingPolicy::new(PolicyAnswer::Deny)).admit();
}
