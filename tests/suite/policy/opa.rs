//! OPA as a sidecar: a small server of its API that evaluates with regorus, and servers that answer badly.

use std::collections::HashSet;
use std::process::Command;

use http::StatusCode;
use kest_core::entry::PolicyName;
use kest_policy::opa::{ConnectError, Opa, OpaBuilder, RemoteConfigError, Secret};
use kest_policy::{Engine, EngineError, Verdict};
use kest_tests::logs::Logs;
use kest_tests::opa::{Fault, Sidecar, closed_port, opa};
use kest_tests::raw;
use serde_json::{Value, json};

use super::{
    IMPATIENT, NAME, PATIENT, ask, causes, faults, fed_from, huge, in_time, input, refused, refused_in_time,
    refused_once, service, waiting,
};

const TRUST_THRESHOLD: &str = "package kest.trust_threshold
default allow := false
allow if input.subject.trust_score >= 40";

const YES: &str = r#"{"result":{"allow":true}}"#;

/// An OPA that answers every question with this JSON text.
async fn saying(answer: &str) -> Sidecar {
    let answer = answer.to_owned();
    Sidecar::answering(move |_| (StatusCode::OK, answer.clone())).await
}

fn at(base: &str) -> OpaBuilder {
    Opa::builder(base).policies([NAME]).limits(waiting(PATIENT))
}

#[tokio::test]
async fn policy_is_asked_about_the_operation_and_its_answer_counts() {
    let server = opa(&[("trust.rego", TRUST_THRESHOLD)]).await;
    let engine = || at(&server.base()).build().unwrap();
    service(engine()).await.admitted(&raw::call()).await;
    fed_from("internet", engine()).await.refused(&raw::call(), &[403]).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for (seen, trust) in seen.iter().zip([100, 10]) {
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/data/kest/trust_threshold"));
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body["input"]["subject"]["trust_score"], trust);
        assert_eq!(body["input"]["environment"]["operation"], "call");
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn question_is_the_canonical_input_and_nothing_else() {
    let server = saying(YES).await;
    let input = input(&json!("doc-7"), &json!({"label": "caf\u{e9}", "level": 1.5}));
    assert_eq!(ask(&at(&server.base()).build().unwrap(), &input).await.unwrap(), Verdict::Allow);
    let seen = server.seen_once();
    assert_eq!(seen.body, format!(r#"{{"input":{}}}"#, input.canonical()));
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["accept-encoding"], "identity");
    for absent in ["authorization", "cookie", "referer", "baggage", "transfer-encoding"] {
        assert!(!seen.headers.contains_key(absent), "{absent}");
    }
}

#[tokio::test]
async fn truthy_values_that_are_not_true_allow_nothing() {
    for answer in [
        r#"{"result":{"allow":"true"}}"#,
        r#"{"result":{"allow":1}}"#,
        r#"{"result":{"allow":{}}}"#,
        r#"{"result":{"allow":[true]}}"#,
        r#"{"result":{"allow":{"allow":true}}}"#,
        r#"{"result":{"allow":"yes"}}"#,
        r#"{"result":{"allow":null}}"#,
        r#"{"result":{"allow":false}}"#,
        r#"{"result":{}}"#,
        r#"{"result":true}"#,
        r#"{"result":[{"allow":true}]}"#,
        r#"{"allow":true}"#,
        "{}",
        "true",
        "[true]",
        "null",
    ] {
        let server = saying(answer).await;
        let engine = at(&server.base()).build().unwrap();
        service(engine).await.refused(&raw::call(), &[403]).await;
        assert_eq!(server.seen().len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn undefined_document_allows_nothing() {
    let server = opa(&[("other.rego", "package kest.other\nallow := true")]).await;
    let engine = at(&server.base()).build().unwrap();
    service(engine).await.refused(&raw::call(), &[403]).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn decision_is_read_where_the_path_says() {
    let server = saying(r#"{"result":{"allow":false,"verdict":{"ok":true}}}"#).await;
    let engine = |path: &str| at(&server.base()).decision_path(path).build().unwrap();
    let input = input(&Value::Null, &json!({}));
    assert_eq!(ask(&engine("result.verdict.ok"), &input).await.unwrap(), Verdict::Allow);
    assert_eq!(ask(&engine("result.verdict"), &input).await.unwrap(), Verdict::Deny);
    assert_ne!(engine("result.verdict.ok").identity(), engine("result.allow").identity());
}

#[tokio::test]
async fn engine_that_is_down_is_a_refusal() {
    let engine = at(&closed_port().await).build().unwrap();
    refused("down", &engine).await;
    service(engine).await.refused(&raw::call(), &[503]).await;
}

#[tokio::test]
async fn engine_that_does_not_answer_well_is_a_refusal_and_not_asked_again() {
    for (case, fault) in faults(YES) {
        let server = Sidecar::faulty(fault).await;
        refused_once(case, at(&server.base()).build().unwrap(), &server).await;
    }
}

#[tokio::test]
async fn coding_that_was_not_asked_for_is_named() {
    for (line, name) in [("content-encoding: GZip", "gzip"), ("content-encoding: identity,br", "br")] {
        let server = Sidecar::faulty(Fault::answer(200, &format!("{line}\r\n"), YES)).await;
        let error = ask(&at(&server.base()).build().unwrap(), &input(&Value::Null, &json!({}))).await;
        assert!(causes(&error.unwrap_err()).contains(&format!("not asked for: {name}")), "{line}");
    }
    let server = Sidecar::faulty(Fault::answer(200, "content-encoding: Identity\r\n", YES)).await;
    let answer = ask(&at(&server.base()).build().unwrap(), &input(&Value::Null, &json!({}))).await;
    assert_eq!(answer.unwrap(), Verdict::Allow, "identity is no coding");
}

#[tokio::test]
async fn this_machine_is_asked_over_plain_http_however_it_is_spelled_and_no_other_is() {
    let server = saying(YES).await;
    let port = server.base().rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "127.0.0.1.", "localhost", "LOCALHOST."] {
        let engine = at(&format!("http://{host}:{port}")).build().unwrap();
        let answer = ask(&engine, &input(&Value::Null, &json!({}))).await;
        assert_eq!(answer.unwrap(), Verdict::Allow, "{host}");
    }
    assert!(at(&format!("http://[::ffff:7f00:1]:{port}")).build().is_ok());
    for host in
        ["opa.example", "a.localhost", "localhost.example", "0.0.0.0", "[64:ff9b::7f00:1]", "10.0.0.1"]
    {
        let refused = at(&format!("http://{host}:{port}")).build();
        assert!(matches!(refused, Err(RemoteConfigError::PlainHttp)), "{host}");
    }
}

#[tokio::test]
async fn engine_that_is_slow_does_not_hold_the_request() {
    for fault in [Fault::Silent, Fault::Trickle] {
        let server = Sidecar::faulty(fault).await;
        refused_in_time(at(&server.base()).limits(waiting(IMPATIENT)).build().unwrap(), &server).await;
    }
}

#[tokio::test]
async fn answer_of_ten_megabytes_is_not_read() {
    for (case, fault) in huge(YES) {
        let server = Sidecar::faulty(fault).await;
        refused_once(case, at(&server.base()).build().unwrap(), &server).await;
        assert!(server.written() < 20 * 1024 * 1024, "{case}: all of it was taken, twice");
    }
}

#[tokio::test]
async fn answer_may_have_as_many_bytes_as_the_limit_and_no_more() {
    for (length, allowed) in [(1000, true), (1001, false)] {
        for framed in [|body: &str| Fault::answer(200, "", body), |body: &str| Fault::chunked(body)] {
            let server = Sidecar::faulty(framed(&format!("{YES:length$}"))).await;
            let mut limits = waiting(PATIENT);
            limits.policy_answer_bytes = 1000;
            let engine = at(&server.base()).limits(limits).build().unwrap();
            let answer = ask(&engine, &input(&Value::Null, &json!({}))).await;
            assert_eq!(answer.ok(), allowed.then_some(Verdict::Allow), "{length} bytes");
        }
    }
}

#[tokio::test]
async fn redirect_to_a_server_that_says_yes_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = saying(YES).await;
        let location = format!("location: {}/v1/data/x\r\n", elsewhere.base());
        let server = Sidecar::faulty(Fault::answer(status, &location, YES)).await;
        refused_once("redirect", at(&server.base()).build().unwrap(), &server).await;
        assert_eq!(elsewhere.seen().len(), 0, "{status} was followed");
    }
}

#[tokio::test]
async fn policy_names_that_try_to_leave_the_tree_reach_no_other_path() {
    for (name, path) in [
        ("a/%2e%2e/%2e%2e/policies", "/v1/data/a/%252e%252e/%252e%252e/policies"),
        ("a/%2f..%2fx", "/v1/data/a/%252f..%252fx"),
        ("a?pretty=true", "/v1/data/a%3Fpretty%3Dtrue"),
        ("a#b", "/v1/data/a%23b"),
        ("a b/\u{e9}", "/v1/data/a%20b/%C3%A9"),
        ("a\\..\\..\\b", "/v1/data/a%5C..%5C..%5Cb"),
        ("a HTTP/1.1\r\nx: y", "/v1/data/a%20HTTP/1.1%0D%0Ax%3A%20y"),
    ] {
        let server = saying(YES).await;
        let engine = at(&server.base()).policies([name]).build().unwrap();
        let policy = PolicyName::new(name).unwrap();
        let verdict = engine.evaluate(&policy, &input(&Value::Null, &json!({}))).await;
        assert_eq!(verdict.unwrap(), Verdict::Allow);
        assert_eq!(server.seen_once().path, path);
    }
}

#[tokio::test]
async fn policy_that_was_not_configured_is_not_asked() {
    let server = saying(YES).await;
    let engine = at(&server.base()).build().unwrap();
    assert_eq!(engine.names(), [PolicyName::new(NAME).unwrap()]);
    let other = PolicyName::new("kest/other").unwrap();
    let unknown = engine.evaluate(&other, &input(&Value::Null, &json!({}))).await;
    assert!(matches!(unknown, Err(EngineError::UnknownPolicy(name)) if name == other));
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn policy_that_the_server_lacks_is_an_error_at_start() {
    let server =
        opa(&[("trust.rego", TRUST_THRESHOLD), ("empty.rego", "package kest.partial\nallow if input.x")]);
    let server = server.await;
    let known = at(&server.base()).policies(["kest/partial"]).connect().await;
    assert_eq!(known.unwrap().names().len(), 2);
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.method + " " + &seen.path).collect();
    assert_eq!(paths, ["GET /v1/data/kest/partial", "GET /v1/data/kest/trust_threshold"]);
    let unknown = at(&server.base()).policies(["kest/trust_treshold"]).connect().await;
    let Err(ConnectError::UnknownPolicy(name)) = unknown else { panic!("{unknown:?}") };
    assert_eq!(name.as_str(), "kest/trust_treshold");
}

#[tokio::test]
async fn server_that_is_away_at_start_is_an_error() {
    let away = at(&closed_port().await).connect().await;
    assert!(matches!(away, Err(ConnectError::Unavailable(_))), "{away:?}");
    for fault in [Fault::Silent, Fault::Trickle, Fault::answer(500, "", YES), Fault::answer(200, "", "no")] {
        let server = Sidecar::faulty(fault).await;
        let away = in_time(at(&server.base()).limits(waiting(IMPATIENT)).connect()).await;
        assert!(matches!(away, Err(ConnectError::Unavailable(_))), "{away:?}");
        assert!(server.seen().len() <= 1, "asked again");
    }
    let gone = Sidecar::faulty(Fault::answer(404, "", "{}")).await;
    assert!(matches!(at(&gone.base()).connect().await, Err(ConnectError::UnknownPolicy(_))));
}

#[tokio::test]
async fn token_is_sent_and_neither_logged_nor_shown() {
    let (logs, _guard) = Logs::keep();
    let server = Sidecar::faulty(Fault::answer(500, "", "hunter2")).await;
    let engine = at(&server.base()).bearer_token(Secret::new("hunter2")).build().unwrap();
    let error = ask(&engine, &input(&Value::Null, &json!({}))).await.unwrap_err();
    assert_eq!(server.seen_once().headers["authorization"], "Bearer hunter2");
    assert!(!format!("{error:?} {error} {engine:?}").contains("hunter2"));
    service(engine).await.refused(&raw::call(), &[503]).await;
    assert!(logs.text().contains(NAME), "the failure is logged: {}", logs.text());
    assert!(!logs.text().contains("hunter2"), "{}", logs.text());
}

#[tokio::test]
async fn questions_one_after_the_other_share_connections() {
    let server = saying(YES).await;
    let engine = at(&server.base()).build().unwrap();
    for _ in 0..10 {
        ask(&engine, &input(&Value::Null, &json!({}))).await.unwrap();
    }
    let connections: HashSet<_> = server.seen().into_iter().map(|seen| seen.peer).collect();
    assert_eq!(server.seen().len(), 10);
    assert!(connections.len() < 10, "every question opened a connection");
}

/// What runs in a process with proxies in its environment; by itself it shows that a question is answered.
#[tokio::test]
async fn answer_comes_from_the_engine_itself() {
    let server = saying(YES).await;
    let engine = at(&server.base()).build().unwrap();
    assert_eq!(ask(&engine, &input(&Value::Null, &json!({}))).await.unwrap(), Verdict::Allow);
    server.seen_once();
}

#[tokio::test]
async fn proxy_of_the_environment_is_not_told() {
    let proxy = saying(YES).await;
    let base = proxy.base();
    let child = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "policy::opa::answer_comes_from_the_engine_itself"]);
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env(name, &base);
        }
        command.env_remove("no_proxy").env_remove("NO_PROXY").output().unwrap()
    });
    let child = child.await.unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert_eq!(proxy.seen().len(), 0, "{said}");
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}
