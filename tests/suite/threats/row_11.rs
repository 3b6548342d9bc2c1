//! Identity claimed in baggage from outside.

use kest_tests::forge;
use kest_tests::keys;
use kest_tests::raw;
use kest_tests::service::Service;
use serde_json::Value;

const SPOOFED: &str = "kest.user=admin,kest.agent=root,kest.task=everything,kest.jwt=a.b.c,kest.roles=admin";

#[tokio::test]
async fn spoofed_identity_without_passport_is_ignored() {
    let service = Service::start().await;
    let seen = service.admitted(&raw::call().baggage(SPOOFED)).await;
    assert_eq!((&seen["user"], &seen["agent"], &seen["task"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!((&seen["source"], &seen["ambient_user"]), (&Value::from("anonymous"), &Value::Null));
    assert_eq!(seen["trust_score"], 10, "a stranger counts as the internet");
}

#[tokio::test]
async fn spoofed_identity_beside_a_passport_is_ignored() {
    let service = Service::start().await;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let request = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries))).baggage(SPOOFED);
    let seen = service.admitted(&request).await;
    assert_eq!((&seen["user"], &seen["ambient_user"]), (&Value::from("alice"), &Value::from("alice")));
    assert_eq!(seen["source"], "lineage");
}

#[tokio::test]
async fn kest_members_never_reach_the_handler_and_foreign_ones_do() {
    let service = Service::start().await;
    let chain = keys::chain(1).await;
    let entries = vec![chain.passport().entries()[0].compact().to_owned()];
    let request = raw::call()
        .baggage(format!("region=eu;p=1,{},tenant=%20x", SPOOFED))
        .baggage(forge::inline(&entries, &forge::tip(&entries)));
    let seen = service.admitted(&request).await;
    assert_eq!(seen["baggage"], serde_json::json!(["region=eu;p=1,tenant=%20x"]));
}
