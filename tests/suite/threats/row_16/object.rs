//! Requests that differ in what they act on.

use kest_core::Operation;
use kest_core::entry::Resource;
use kest_policy::Policies;
use kest_tests::raw;
use kest_tests::service::{Service, Setup};
use serde_json::{Value, json};

use super::judge::{Judge, check_apart, setup};

/// A service whose route acts on `resource`.
async fn acting_on(policies: &Policies, resource: Resource) -> Service {
    let operation = Operation::named("call").unwrap().resource(resource);
    Setup { operation, ..setup(policies) }.start().await
}

async fn check(pointer: &'static str, value: impl Into<Value>, [first, second]: [Resource; 2]) {
    let judge = Judge::of(pointer, value);
    let policies = judge.policies();
    let (first, second) = (acting_on(&policies, first).await, acting_on(&policies, second).await);
    check_apart(&judge, (&first, &raw::call()), (&second, &raw::call()), &[pointer]).await;
}

/// The same account with other attributes.
fn account(attributes: &Value) -> Resource {
    Resource::new("account/1").with_attributes(&attributes.to_string()).unwrap()
}

#[tokio::test]
async fn decision_about_one_object_is_not_given_for_another() {
    let objects = ["account/1", "account/2"].map(Resource::new);
    check("/object/id", "account/1", objects).await;
}

#[tokio::test]
async fn decision_about_a_nameless_object_is_not_given_for_one_called_null() {
    check("/object/id", Value::Null, [Resource::default(), Resource::new("null")]).await;
}

#[tokio::test]
async fn decision_about_one_attribute_is_not_given_for_another() {
    let accounts = [json!({"level": 1}), json!({"level": 2})];
    check("/object/attributes/level", 1, accounts.map(|attributes| account(&attributes))).await;
}

#[tokio::test]
async fn decision_about_an_attribute_deep_inside_is_not_given_for_another() {
    let owned_by = |team: &str| json!({"owner": {"unit": {"team": team, "floor": 3}}, "level": 1});
    let accounts = ["blue", "red"].map(|team| account(&owned_by(team)));
    check("/object/attributes/owner/unit/team", "blue", accounts).await;
}

#[tokio::test]
async fn decision_about_an_object_without_attributes_is_not_given_for_one_with_some() {
    let plain = Resource::new("account/1");
    check("/object/attributes", json!({}), [plain, account(&json!({"frozen": true}))]).await;
}
