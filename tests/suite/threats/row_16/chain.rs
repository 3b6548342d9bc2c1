//! Lineages that differ in one thing about one hop.

use kest_tests::forge::{self, Forge};
use kest_tests::raw::{self, RawRequest};
use serde_json::{Value, json};

use super::judge::{Judge, check_apart, setup};

/// What the second hop is told to have followed; the second hop itself is always the same.
fn followed_by_orders(first: &Forge) -> RawRequest {
    let root = first.sign();
    // The caller's token was verified at the second hop too, so that what it says does not depend on the first.
    let tip = forge::entry("orders", 2, &[&root]).label("kest.identity_source", "jwt").sign();
    let entries = vec![root, tip];
    raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)))
}

/// The entry that every lineage here starts with, unless a test changes it.
fn start() -> Forge {
    forge::entry("gateway", 1, &[]).label("kest.resource_id", "case/1")
}

async fn check(pointer: &'static str, value: Value, other: Forge) {
    let judge = Judge::of(pointer, value);
    let service = setup(&judge.policies()).start().await;
    let (first, second) = (followed_by_orders(&start()), followed_by_orders(&other));
    check_apart(&judge, (&service, &first), (&service, &second), &[pointer]).await;
}

#[tokio::test]
async fn decision_after_one_operation_is_not_given_after_another() {
    let other = start().with("/operation", json!("operation 7"));
    check("/chain/operations", json!(["operation 1", "operation 2"]), other).await;
}

#[tokio::test]
async fn decision_through_one_workload_is_not_given_through_another() {
    let through = |name: &str| kest_tests::keys::workload(name).as_str().to_owned();
    let other = forge::entry("ledger", 1, &[]).label("kest.resource_id", "case/1");
    check("/chain/principals", json!([through("gateway"), through("orders")]), other).await;
}

#[tokio::test]
async fn decision_after_one_resource_is_not_given_after_another() {
    let other = start().label("kest.resource_id", "case/2");
    check("/chain/resources", json!(["case/1", null]), other).await;
}

#[tokio::test]
async fn decision_after_one_users_hop_is_not_given_after_anothers() {
    let other = start().label("kest.identity", r#"{"agent":null,"task":null,"user":"bob"}"#);
    check("/chain/users", json!(["alice", "alice"]), other).await;
}
