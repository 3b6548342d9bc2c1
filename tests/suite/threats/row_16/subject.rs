//! Callers who differ in who they are, who says so, and what their data went through.

use kest_identity::IdentityChoice;
use kest_tests::forge;
use kest_tests::service::Setup;
use kest_tests::{keys, raw};
use serde_json::{Value, json};
use three_services::issuer::Issuer;

use super::judge::{Judge, carrying, check_apart, identity, identity_of_tenants, setup, token};

/// Alice, who has `value` at `pointer`, and a caller whose token differs by `change`.
async fn check_claim(pointer: &'static str, value: Value, change: Value) {
    check_claim_of(identity, pointer, value, change).await;
}

async fn check_claim_of(
    identity: fn(&Issuer) -> IdentityChoice,
    pointer: &'static str,
    value: Value,
    change: Value,
) {
    let issuer = Issuer::start().await.unwrap();
    let judge = Judge::of(pointer, value);
    let service = Setup { identity: identity(&issuer), ..setup(&judge.policies()) }.start().await;
    let first = raw::call().bearer(&token(&issuer, &json!({})));
    let second = raw::call().bearer(&token(&issuer, &change));
    check_apart(&judge, (&service, &first), (&service, &second), &[pointer]).await;
}

#[tokio::test]
async fn decision_for_one_user_is_not_given_to_another() {
    check_claim("/subject/user", json!("alice"), json!({"sub": "bob"})).await;
}

#[tokio::test]
async fn decision_for_one_agent_is_not_given_to_another() {
    check_claim("/subject/agent", json!("web"), json!({"client_id": "crawler"})).await;
}

#[tokio::test]
async fn decision_for_one_task_is_not_given_to_another() {
    check_claim("/subject/task", json!("buy"), json!({"task": "refund"})).await;
}

#[tokio::test]
async fn decision_for_one_tenant_is_not_given_to_another() {
    check_claim_of(identity_of_tenants, "/subject/tenant", json!("acme"), json!({"org": "globex"})).await;
}

#[tokio::test]
async fn decision_for_some_roles_is_not_given_to_others() {
    check_claim("/subject/roles", json!(["admin", "clerk"]), json!({"roles": ["clerk"]})).await;
}

#[tokio::test]
async fn decision_for_some_scopes_is_not_given_to_others() {
    let scopes = json!(["orders:read", "orders:write"]);
    check_claim("/subject/scopes", scopes, json!({"scope": "orders:read"})).await;
}

#[tokio::test]
async fn decision_for_one_issuers_alice_is_not_given_to_anothers() {
    let (ours, theirs) = (Issuer::start().await.unwrap(), Issuer::start().await.unwrap());
    let judge = Judge::of("/subject/issuer", ours.name());
    let policies = judge.policies();
    let believing = |issuer| Setup { identity: identity(issuer), ..setup(&policies) };
    let (here, there) = (believing(&ours).start().await, believing(&theirs).start().await);
    let [first, second] = [&ours, &theirs].map(|issuer| raw::call().bearer(&token(issuer, &json!({}))));
    check_apart(&judge, (&here, &first), (&there, &second), &["/subject/issuer"]).await;
}

#[tokio::test]
async fn decision_for_a_callers_own_token_is_not_given_to_a_lineage_of_the_same_names() {
    let issuer = Issuer::start().await.unwrap();
    let edge = Setup { identity: identity(&issuer), signer: keys::signer("gateway"), ..Setup::default() };
    // Scopes and roles do not travel with the lineage: without them, only the way of knowing alice differs.
    let bearer = token(&issuer, &json!({"scope": null, "roles": null}));
    let seen = edge.start().await.admitted(&raw::call().bearer(&bearer)).await;
    let entries: Vec<String> = serde_json::from_value(seen["passport"].clone()).unwrap();
    let judge = Judge::of("/subject/identity_source", "jwt");
    let policies = judge.policies();
    let by_token = Setup { identity: identity(&issuer), ..setup(&policies) }.start().await;
    let by_lineage = setup(&policies).start().await;
    let second = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let first = second.clone().bearer(&bearer);
    let pointers = ["/subject/identity_source"];
    check_apart(&judge, (&by_token, &first), (&by_lineage, &second), &pointers).await;
}

#[tokio::test]
async fn decision_for_clean_data_is_not_given_to_tainted_data() {
    let judge = Judge::of("/subject/taints", json!([]));
    let service = setup(&judge.policies()).start().await;
    let clean = forge::entry("gateway", 1, &[]);
    let tainted = clean.clone().with("/added_taints", json!(["web"])).with("/taints", json!(["web"]));
    let (first, second) = (carrying(&clean), carrying(&tainted));
    check_apart(&judge, (&service, &first), (&service, &second), &["/subject/taints"]).await;
}

#[tokio::test]
async fn decision_for_trusted_data_is_not_given_to_less_trusted_data() {
    let judge = Judge::of("/subject/trust_score", 100);
    let service = setup(&judge.policies()).start().await;
    let trusted = forge::entry("gateway", 1, &[]);
    let typed = trusted.clone().with("/trust_score", json!(40)).label("kest.origin", "user_input");
    let (first, second) = (carrying(&trusted), carrying(&typed));
    let pointers = ["/subject/trust_score", "/trust_score"];
    check_apart(&judge, (&service, &first), (&service, &second), &pointers).await;
}

#[tokio::test]
async fn decision_for_one_workload_is_not_given_to_another() {
    let judge = Judge::of("/subject/workload", keys::workload("orders").as_str());
    let policies = judge.policies();
    let orders = Setup { signer: keys::signer("orders"), ..setup(&policies) }.start().await;
    let ledger = Setup { signer: keys::signer("ledger"), ..setup(&policies) }.start().await;
    let pointers = ["/identity", "/subject/workload"];
    check_apart(&judge, (&orders, &raw::call()), (&ledger, &raw::call()), &pointers).await;
}
