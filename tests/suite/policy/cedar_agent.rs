//! A Cedar agent as a sidecar: a small server of its API that evaluates with cedar-policy, and bad ones.

use http::StatusCode;
use kest_core::entry::PolicyName;
use kest_policy::cedar_agent::{CedarAgent, CedarAgentBuilder, ConnectError, Secret};
use kest_policy::{Engine, EngineError, Verdict};
use kest_tests::cedar_agent::cedar_agent;
use kest_tests::opa::{Fault, Sidecar, closed_port};
use kest_tests::raw;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    IMPATIENT, NAME, PATIENT, ask, causes, faults, fed_from, huge, in_time, input, refused, refused_in_time,
    refused_once, service, waiting,
};

const TRUST_THRESHOLD: (&str, &str) = (
    "trust",
    r#"permit (principal, action == Kest::Action::"kest/trust_threshold", resource)
       when { context.subject.trust_score >= 40 };"#,
);

const YES: &str = r#"{"decision":"Allow","diagnostics":{"reason":[],"errors":[]}}"#;

/// An agent that answers every question with this JSON text.
async fn saying(answer: &str) -> Sidecar {
    let answer = answer.to_owned();
    Sidecar::answering(move |_| (StatusCode::OK, answer.clone())).await
}

fn at(base: &str) -> CedarAgentBuilder {
    CedarAgent::builder(base).policies([NAME]).limits(waiting(PATIENT))
}

#[tokio::test]
async fn policy_is_asked_about_the_operation_and_its_answer_counts() {
    let server = cedar_agent(&[TRUST_THRESHOLD]).await;
    let engine = || at(&server.base()).build().unwrap();
    service(engine()).await.admitted(&raw::call()).await;
    fed_from("internet", engine()).await.refused(&raw::call(), &[403]).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for (seen, trust) in seen.iter().zip([100, 10]) {
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/is_authorized"));
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body["action"], r#"Kest::Action::"kest/trust_threshold""#);
        assert_eq!(body["resource"], r#"Kest::Resource::"*""#);
        assert_eq!(body["context"]["subject"]["trust_score"], trust);
    }
}

#[tokio::test]
async fn question_has_exactly_the_members_of_the_agent() {
    let server = saying(YES).await;
    let input = input(&json!("doc-7"), &json!({"label": "x", "none": null}));
    assert_eq!(ask(&at(&server.base()).build().unwrap(), &input).await.unwrap(), Verdict::Allow);
    let mut context: Value = serde_json::from_str(input.canonical()).unwrap();
    context["object"]["attributes"] = json!({"label": "x"});
    context["chain"]["resources"] = json!([]);
    context["environment"].as_object_mut().unwrap().remove("source_type");
    let question = json!({
        "principal": r#"Kest::Workload::"spiffe://example.org/service""#,
        "action": r#"Kest::Action::"kest/trust_threshold""#,
        "resource": r#"Kest::Resource::"doc-7""#,
        "context": context,
    });
    let seen = server.seen_once();
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), question);
    assert_eq!(seen.headers["content-type"], "application/json");
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn permit_for_another_action_is_no_yes() {
    let other = ("p", r#"permit (principal, action == Kest::Action::"kest/other", resource);"#);
    let server = cedar_agent(&[other]).await;
    service(at(&server.base()).build().unwrap()).await.refused(&raw::call(), &[403]).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn yes_beside_a_policy_that_errs_is_a_no() {
    let erring = ("e", "forbid (principal, action, resource) when { context.nothing == 1 };");
    let server = cedar_agent(&[TRUST_THRESHOLD, erring]).await;
    let engine = at(&server.base()).build().unwrap();
    let failed = ask(&engine, &input(&Value::Null, &json!({}))).await;
    assert!(matches!(failed, Err(EngineError::Failed(_))), "{failed:?}");
    service(engine).await.refused(&raw::call(), &[403]).await;
}

#[tokio::test]
async fn answers_that_are_not_the_word_allow_allow_nothing() {
    for answer in [
        r#"{"decision":"allow"}"#,
        r#"{"decision":"Deny"}"#,
        r#"{"decision":true}"#,
        r#"{"decision":["Allow"]}"#,
        r#"{"decision":1}"#,
        r#"{"Decision":"Allow"}"#,
        r#"{"result":{"allow":true}}"#,
        r#""Allow""#,
        "true",
        "{}",
        "null",
    ] {
        let server = saying(answer).await;
        let engine = at(&server.base()).build().unwrap();
        service(engine).await.refused(&raw::call(), &[403]).await;
        assert_eq!(server.seen().len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn attributes_that_pass_themselves_off_as_entities_are_not_sent() {
    let server = saying(YES).await;
    let engine = at(&server.base()).build().unwrap();
    for attributes in [
        json!({"owner": {"__entity": {"type": "Kest::Workload", "id": "admin"}}}),
        json!({"list": [{"deep": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}}]}),
        json!({"__expr": "principal"}),
        json!({"level": 1.5}),
        json!({"level": 1e19}),
    ] {
        let failed = ask(&engine, &input(&Value::Null, &attributes)).await;
        assert!(matches!(failed, Err(EngineError::Failed(_))), "{attributes}: {failed:?}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn engine_that_is_down_is_a_refusal() {
    let engine = at(&closed_port().await).build().unwrap();
    refused("down", &engine).await;
    service(engine).await.refused(&raw::call(), &[503]).await;
}

#[tokio::test]
async fn engine_that_does_not_answer_well_is_a_refusal_and_not_asked_again() {
    for (case, fault) in faults(YES).into_iter().chain(huge(YES)) {
        let server = Sidecar::faulty(fault).await;
        refused_once(case, at(&server.base()).build().unwrap(), &server).await;
    }
}

#[tokio::test]
async fn coding_that_was_not_asked_for_is_named() {
    let server = Sidecar::faulty(Fault::answer(200, "content-encoding: x-gzip\r\n", YES)).await;
    let error = ask(&at(&server.base()).build().unwrap(), &input(&Value::Null, &json!({}))).await;
    assert!(causes(&error.unwrap_err()).contains("not asked for: x-gzip"));
}

#[tokio::test]
async fn engine_that_is_slow_does_not_hold_the_request() {
    for fault in [Fault::Silent, Fault::Trickle] {
        let server = Sidecar::faulty(fault).await;
        refused_in_time(at(&server.base()).limits(waiting(IMPATIENT)).build().unwrap(), &server).await;
    }
}

#[tokio::test]
async fn redirect_to_an_agent_that_says_yes_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = saying(YES).await;
        let location = format!("location: {}/v1/is_authorized\r\n", elsewhere.base());
        let server = Sidecar::faulty(Fault::answer(status, &location, YES)).await;
        refused_once("redirect", at(&server.base()).build().unwrap(), &server).await;
        assert_eq!(elsewhere.seen().len(), 0, "{status} was followed");
    }
}

#[tokio::test]
async fn policy_that_was_not_configured_is_not_asked() {
    let server = saying(YES).await;
    let engine = at(&server.base()).build().unwrap();
    let other = PolicyName::new("kest/other").unwrap();
    let unknown = engine.evaluate(&other, &input(&Value::Null, &json!({}))).await;
    assert!(matches!(unknown, Err(EngineError::UnknownPolicy(name)) if name == other));
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn policy_that_no_text_of_the_agent_names_is_an_error_at_start() {
    let server = cedar_agent(&[TRUST_THRESHOLD]).await;
    let known = at(&server.base()).connect().await.unwrap();
    assert_eq!(known.names(), [PolicyName::new(NAME).unwrap()]);
    let seen = server.seen_once();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/v1/policies"));
    for name in ["kest/trust_treshold", "kest/trust", "trust", "st_threshold", "kest/trust_threshold\""] {
        let unknown = at(&server.base()).policies([name]).connect().await;
        let Err(ConnectError::UnknownPolicy(unknown)) = unknown else { panic!("{name}: {unknown:?}") };
        assert_eq!(unknown.as_str(), name);
    }
}

#[tokio::test]
async fn agent_that_is_away_at_start_is_an_error() {
    let away = at(&closed_port().await).connect().await;
    assert!(matches!(away, Err(ConnectError::Unavailable(_))), "{away:?}");
    let faults = ["{}", "[1]", r#"[{"id":"p"}]"#, "no"].map(|body| Fault::answer(200, "", body));
    for fault in faults.into_iter().chain([Fault::Silent, Fault::answer(404, "", "[]")]) {
        let server = Sidecar::faulty(fault).await;
        let away = in_time(at(&server.base()).limits(waiting(IMPATIENT)).connect()).await;
        assert!(matches!(away, Err(ConnectError::Unavailable(_))), "{away:?}");
        assert!(server.seen().len() <= 1, "asked again");
    }
}

#[tokio::test]
async fn key_is_the_whole_authorization_header() {
    let server = saying(YES).await;
    let engine = at(&server.base()).api_key(Secret::new("hunter2")).build().unwrap();
    ask(&engine, &input(&Value::Null, &json!({}))).await.unwrap();
    assert_eq!(server.seen_once().headers["authorization"], "hunter2");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Only this one resource is permitted: another reading of the id would be a no, and the other way round. `*` is no id.
    #[test]
    fn ids_mean_the_same_to_the_agent_whatever_stands_in_them(id in "\\PC{0,12}|[\"\\\\\n\r\t\0':*?]{1,6}|\\w{1,3}\u{301}") {
        prop_assume!(id != "*");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let verdict = runtime.block_on(async {
            let resource = cedar_policy::EntityUid::from_type_name_and_id(
                "Kest::Resource".parse().unwrap(),
                cedar_policy::EntityId::new(&id),
            );
            let action = r#"Kest::Action::"kest/trust_threshold""#;
            let policy = format!("permit (principal, action == {action}, resource == {resource});");
            let server = cedar_agent(&[("p", &policy)]).await;
            let engine = at(&server.base()).build().unwrap();
            ask(&engine, &input(&json!(id), &json!({}))).await
        });
        prop_assert_eq!(verdict.unwrap(), Verdict::Allow);
    }
}
