//! Requests that differ in what surrounds the operation: its name, origin, place, tier, fellow policies, deviations.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Operation;
use kest_core::policy::deployment_only;
use kest_core::trust::Origin;
use kest_policy::Source;
use kest_testkit::TestClock;
use kest_tests::clock::{begun, today};
use kest_tests::forge::{self, Forge};
use kest_tests::raw;
use kest_tests::service::Setup;
use serde_json::json;
use three_services::issuer::Issuer;

use super::judge::{Judge, POLICY, carrying, check_apart, identity, setup, token};

#[tokio::test]
async fn decision_about_one_operation_is_not_given_for_another() {
    let judge = Judge::of("/environment/operation", "look");
    let policies = judge.policies();
    let doing = |name: &str| Setup { operation: Operation::named(name).unwrap(), ..setup(&policies) };
    let (look, delete) = (doing("look").start().await, doing("delete").start().await);
    let pointers = ["/environment/operation"];
    check_apart(&judge, (&look, &raw::call()), (&delete, &raw::call()), &pointers).await;
}

#[tokio::test]
async fn decision_about_data_of_one_origin_is_not_given_for_another_of_the_same_worth() {
    let judge = Judge::of("/environment/source_type", "partner-a");
    let policies = judge.policies();
    // Neither is described, so both are worth the same.
    let from = |name: &str| {
        let origin = Origin::new(name).unwrap();
        Setup { operation: Operation::named("call").unwrap().origin(origin), ..setup(&policies) }
    };
    let (ours, theirs) = (from("partner-a").start().await, from("partner-b").start().await);
    let pointers = ["/environment/source_type"];
    check_apart(&judge, (&ours, &raw::call()), (&theirs, &raw::call()), &pointers).await;
}

#[tokio::test]
async fn decision_for_the_start_of_a_lineage_is_not_given_in_the_middle_of_one() {
    let issuer = Issuer::start().await.unwrap();
    let judge = Judge::of("/environment/is_root", true);
    let operation = Operation::named("call").unwrap().origin(Origin::system());
    let setup = Setup { identity: identity(&issuer), operation, ..setup(&judge.policies()) };
    let service = setup.start().await;
    let bearer = token(&issuer, &json!({}));
    let (first, second) =
        (raw::call().bearer(&bearer), carrying(&forge::entry("gateway", 1, &[])).bearer(&bearer));
    // Whether it is a root follows from the chain, so the chain cannot stay the same.
    let lists = ["operations", "principals", "resources", "users"].map(|list| format!("/chain/{list}"));
    let pointers = [&lists[0], &lists[1], &lists[2], &lists[3], "/environment/is_root", AGE];
    check_apart(&judge, (&service, &first), (&service, &second), &pointers).await;
}

const AGE: &str = "/environment/tip_age_seconds";

/// A lineage whose only operation was signed so long before the service's clock.
fn aged(seconds: u64) -> raw::RawRequest {
    carrying(&forge::entry("gateway", 1, &[]).with("/timestamp_ms", json!(begun() - seconds * 1000)))
}

fn standing_still(judge: &Judge) -> Setup {
    Setup { clock: Arc::new(today()), ..setup(&judge.policies()) }
}

#[tokio::test]
async fn decision_about_a_fresh_lineage_is_not_given_for_one_that_was_kept() {
    let judge = Judge::of(AGE, 10);
    let service = standing_still(&judge).start().await;
    check_apart(&judge, (&service, &aged(10)), (&service, &aged(11)), &[AGE]).await;
}

/// What is different in every request would leave nothing to remember.
#[tokio::test]
async fn decision_is_remembered_for_lineages_of_about_the_same_age() {
    let judge = Judge::of(AGE, 30);
    let service = standing_still(&judge).start().await;
    for seconds in 21..=30 {
        service.admitted(&aged(seconds)).await;
    }
    assert_eq!(judge.evaluations(), 1);
}

#[tokio::test]
async fn decision_beside_some_policies_is_not_given_beside_others() {
    let judge = Judge::of("/environment/policy_names", json!([POLICY]));
    let policies = judge.builder().closure("everybody", |_| true).unwrap().build().unwrap();
    let alone = setup(&policies).start().await;
    let beside = Arc::new(policies.function([POLICY, "everybody"]).unwrap());
    let beside = Setup { policy: beside, ..Setup::default() }.start().await;
    let pointers = ["/environment/policy_names"];
    check_apart(&judge, (&alone, &raw::call()), (&beside, &raw::call()), &pointers).await;
}

#[tokio::test]
async fn decision_in_one_tier_is_not_given_in_another() {
    let judge = Judge::of("/environment/policy_tier", "enterprise");
    let configuration = format!("enterprise_policies = [\"{POLICY}\"]");
    let builder = judge.builder().configuration(Source::text("kest.toml", configuration.as_str()));
    let policies = builder.build().unwrap();
    let as_enterprise = Setup { policy: Arc::new(deployment_only()), ..deployed(&policies) }.start().await;
    let as_function_too = deployed(&policies).start().await;
    let pointers = ["/environment/policy_tier"];
    check_apart(&judge, (&as_enterprise, &raw::call()), (&as_function_too, &raw::call()), &pointers).await;
}

/// A service with the deployment's policies, whose route needs the judge's yes too.
fn deployed(policies: &kest_policy::Policies) -> Setup {
    Setup { deployment: Some(policies.deployment()), ..setup(policies) }
}

/// An hour of TTL, ten minutes of deviation from a policy of the enterprise tier.
const EXEMPTED: &str = r#"
    enterprise_policies = ["strict"]

    [[deviations]]
    policy = "strict"
    tier = "enterprise"
    operation = "call"
    reason = "clearing up after an incident"
    approver = "security-team@example.com"
    expires = 2026-01-01T00:10:00Z
"#;

/// The same caller before and after the deviation ends; the clock does not run backwards, so there is no third turn.
async fn check_exemption(configuration: &str, route: impl FnOnce(&kest_policy::Policies) -> Setup) {
    let judge = Judge::of("/environment/active_deviations", json!(["strict"]));
    let clock = Arc::new(TestClock::default());
    let builder = judge.builder().closure("strict", |_| true).unwrap();
    let builder = builder.clock(Arc::<TestClock>::clone(&clock));
    let policies = builder.configuration(Source::text("kest.toml", configuration)).build().unwrap();
    let service = route(&policies).start().await;
    for _ in 0..2 {
        service.admitted(&raw::call()).await;
    }
    assert_eq!(judge.evaluations(), 1, "the decision is remembered");
    clock.advance(Duration::from_secs(600));
    for _ in 0..2 {
        service.refused(&raw::call(), &[403]).await;
    }
    judge.saw_two_that_differ_at(&["/environment/active_deviations"]);
}

#[tokio::test]
async fn decision_under_an_exemption_is_not_given_after_it_expired() {
    let configuration = format!("platform_policies = [\"{POLICY}\"]\n{EXEMPTED}");
    check_exemption(&configuration, |policies| Setup {
        policy: Arc::new(deployment_only()),
        ..deployed(policies)
    })
    .await;
}

#[tokio::test]
async fn routes_own_decision_under_an_exemption_is_not_given_after_it_expired() {
    check_exemption(EXEMPTED, deployed).await;
}

/// Two lineages that have nothing different but their ids, hence their hashes.
fn twins() -> [Forge; 2] {
    [1, 2].map(|number| forge::entry("gateway", number, &[]).with("/operation", json!("start")))
}

#[tokio::test]
async fn decision_about_one_parent_is_not_given_for_another_where_parents_are_looked_at() {
    let [first, second] = twins();
    let judge = Judge::of("/environment/parent_hash", forge::tip(&[first.sign()]));
    let configuration = Source::text("kest.toml", "[input]\nparent_hash = true");
    let policies = judge.builder().configuration(configuration).build().unwrap();
    let service = setup(&policies).start().await;
    let (first, second) = (carrying(&first), carrying(&second));
    let pointers = ["/environment/parent_hash"];
    check_apart(&judge, (&service, &first), (&service, &second), &pointers).await;
}

#[tokio::test]
async fn decision_is_shared_by_lineages_that_differ_in_nothing_a_policy_can_see() {
    let judge = Judge::of("/chain/operations", json!(["start"]));
    let service = setup(&judge.policies()).start().await;
    let passports = twins().map(|twin| carrying(&twin));
    assert_ne!(passports[0].bytes(), passports[1].bytes(), "they are two lineages");
    for passport in &passports {
        service.admitted(passport).await;
    }
    assert_eq!(judge.evaluations(), 1, "otherwise the cache would never be used");
}
