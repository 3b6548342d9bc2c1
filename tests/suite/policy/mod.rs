//! Policy over the whole stack: sidecar engines, and the library of policies.

mod cedar_agent;
mod history;
mod library;
mod opa;

use std::sync::Arc;
use std::time::Duration;

use kest_core::entry::PolicyName;
use kest_core::trust::Origin;
use kest_core::{Limits, Operation};
use kest_policy::{Engine, EngineError, Input, Policies, Verdict};
use kest_tests::opa::{Fault, Sidecar};
use kest_tests::raw;
use kest_tests::service::{Service, Setup};
use serde_json::{Value, json};

/// The policy that sidecar engines are asked about.
const NAME: &str = "kest/trust_threshold";

/// A service whose route needs [`NAME`] of `engine` and remembers no decision.
async fn service(engine: impl Engine + 'static) -> Service {
    fed_from("system", engine).await
}

/// The same with data of this origin.
async fn fed_from(origin: &str, engine: impl Engine + 'static) -> Service {
    let policies = Policies::builder().engine(engine).cache_ttl(Duration::ZERO).build().unwrap();
    let policy = Arc::new(policies.function([NAME]).unwrap());
    let operation = Operation::named("call").unwrap().origin(Origin::new(origin).unwrap());
    Setup { policy, operation, ..Setup::default() }.start().await
}

/// Asks `engine` about [`NAME`].
async fn ask(engine: &impl Engine, input: &Input) -> Result<Verdict, EngineError> {
    in_time(engine.evaluate(&PolicyName::new(NAME).unwrap(), input)).await
}

/// Fails the test when the engine's own deadline does not end `question`.
async fn in_time<Question: Future>(question: Question) -> Question::Output {
    tokio::time::timeout(2 * PATIENT, question).await.unwrap()
}

/// Bounds under which a sidecar engine has this much time: plenty where the machine may be busy, little where
/// nothing will come.
fn waiting(policy_wait: Duration) -> Limits {
    let mut limits = Limits::default();
    limits.policy_wait = policy_wait;
    limits
}

const PATIENT: Duration = Duration::from_secs(10);
const IMPATIENT: Duration = Duration::from_millis(100);

/// An input that acts on something called `id`, with these attributes.
fn input(id: &Value, attributes: &Value) -> Input {
    let chain =
        json!({"operations": ["read"], "principals": ["web"], "resources": [null], "users": ["alice"]});
    let environment = json!({"active_deviations": [], "hop_proof": "none", "is_root": false, "operation": "call",
        "policy_names": [NAME], "policy_tier": "function", "source_type": null});
    let subject = json!({"agent": "web", "identity_source": "jwt", "issuer": "https://issuer.example",
        "roles": [], "scopes": ["read"], "taints": ["pii"], "task": "read", "tenant": "acme", "trust_score": 40,
        "user": "alice", "workload": "spiffe://example.org/service"});
    let document = json!({"chain": chain, "environment": environment, "identity": "spiffe://example.org/service",
        "object": {"attributes": attributes, "id": id}, "subject": subject, "trust_score": 40});
    Input::from_json(document.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// Ways in which a sidecar gives no answer at once, although `yes` would be one.
fn faults(yes: &str) -> Vec<(&'static str, Fault)> {
    let beside = |member: &str| yes.replacen('{', &format!("{{{member},"), 1);
    let deep = beside(&format!(r#""deep":{}{}"#, "[".repeat(40), "]".repeat(40)));
    let longer = Fault::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{yes}").into_bytes());
    vec![
        ("reset", Fault::Reset),
        ("closed without an answer", Fault::Bytes(Vec::new())),
        ("cut off", longer),
        ("not http", Fault::Bytes(b"hello\r\n\r\n".to_vec())),
        ("status 500", Fault::answer(500, "", yes)),
        ("status 503", Fault::answer(503, "retry-after: 0\r\n", yes)),
        ("status 401", Fault::answer(401, "", yes)),
        ("status 404", Fault::answer(404, "", yes)),
        ("status 201", Fault::answer(201, "", yes)),
        ("status 206", Fault::answer(206, "", yes)),
        ("empty", Fault::answer(200, "", "")),
        ("not json", Fault::answer(200, "", "<html>true</html>")),
        ("json and more", Fault::answer(200, "", format!("{yes}{yes}"))),
        ("duplicate members", Fault::answer(200, "", beside(r#""x":1,"x":1"#))),
        ("nested without end", Fault::answer(200, "", deep)),
        ("compressed", Fault::answer(200, "content-encoding: gzip\r\n", gzip(yes.as_bytes()))),
        ("compressed and silent about it", Fault::answer(200, "", gzip(yes.as_bytes()))),
        ("said to be compressed", Fault::answer(200, "content-encoding: gzip\r\n", yes)),
        ("said so in upper case", Fault::answer(200, "content-encoding: GZIP\r\n", yes)),
        ("said so in a list", Fault::answer(200, "content-encoding: identity, deflate\r\n", yes)),
        (
            "said so in a second line",
            Fault::answer(200, "content-encoding: identity\r\ncontent-encoding: br\r\n", yes),
        ),
        ("an unheard-of coding", Fault::answer(200, "content-encoding: x\r\n", yes)),
    ]
}

/// An error and what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&format!(": {error}"));
        cause = error.source();
    }
    said
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Ways to send ten megabytes that say `yes`.
fn huge(yes: &str) -> Vec<(&'static str, Fault)> {
    let body = format!("{}{yes}", " ".repeat(10 * 1024 * 1024));
    vec![
        ("announced", Fault::answer(200, "", &body)),
        ("chunked", Fault::chunked(&body)),
        ("endless", Fault::endless(&body)),
    ]
}

/// The service must refuse whatever `server` does, and ask it once for each request.
async fn refused_once(case: &str, engine: impl Engine + 'static, server: &Sidecar) {
    refused(case, &engine).await;
    assert_eq!(server.seen().len(), 1, "{case}: not asked once");
    service(engine).await.refused(&raw::call(), &[503]).await;
    assert_eq!(server.seen().len(), 2, "{case}: not asked once");
}

/// The service must refuse although `server` has not said no.
async fn refused_in_time(engine: impl Engine + 'static, server: &Sidecar) {
    refused("slow", &engine).await;
    service(engine).await.refused(&raw::call(), &[503]).await;
    assert!(server.seen().len() <= 2, "asked again");
}

async fn refused(case: &str, engine: &impl Engine) {
    let unavailable = ask(engine, &input(&Value::Null, &json!({}))).await;
    assert!(matches!(unavailable, Err(EngineError::Unavailable(_))), "{case}: {unavailable:?}");
}
