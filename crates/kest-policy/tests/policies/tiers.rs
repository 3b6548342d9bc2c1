//! Four tiers in one order; what belongs to the deployment cannot be left out or claimed by an operation.

use std::sync::Arc;

use async_trait::async_trait;
use kest_core::Authorize;
use kest_core::entry::{Deviation, PolicyContext, PolicyName, PolicyTier};
use kest_core::policy::{
    AuthorizeError, Decision, PolicyRequest, all_of, dangerous_allow_all, deployment_only, policy_fn,
};
use kest_policy::RoutePolicyError;

use crate::rig::{Rig, kest, run, run_plain, service};

const TIERS: &str = r#"
    enterprise_policies = ["yes/e1", "yes/e2"]
    platform_policies = ["yes/p"]
    app_policies = ["yes/a"]
"#;
const NAMES: [&str; 6] = ["yes/e1", "yes/e2", "yes/p", "yes/a", "yes/f", "no/f"];

#[tokio::test]
async fn tiers_are_asked_in_order_and_signed_as_they_were_asked() {
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &NAMES).build().unwrap();
    let admission = run(&service(&policies), "buy", &policies.function(["yes/f"]).unwrap()).await.unwrap();
    assert_eq!(rig.asked(), ["yes/e1", "yes/e2", "yes/p", "yes/a", "yes/f"]);
    let signed = admission.entry().policy_context();
    let of = |tier| signed.policies(tier).collect::<Vec<_>>();
    assert_eq!(of(PolicyTier::Enterprise), ["yes/e1", "yes/e2"]);
    assert_eq!(of(PolicyTier::Platform), ["yes/p"]);
    assert_eq!(of(PolicyTier::Application), ["yes/a"]);
    assert_eq!(of(PolicyTier::Function), ["yes/f"]);
    assert!(signed.deviations().is_empty());
}

#[tokio::test]
async fn every_tier_is_told_its_name_and_its_policies() {
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &NAMES).build().unwrap();
    run(&service(&policies), "buy", &policies.function(["yes/f"]).unwrap()).await.unwrap();
    let seen = rig.seen.lock().unwrap();
    let told = |index: usize| {
        let environment = seen[index].1.environment();
        let names: Vec<_> = environment.policy_names.iter().map(AsRef::as_ref).collect();
        (environment.policy_tier.to_string(), names.join(" "), environment.operation.to_string())
    };
    assert_eq!(told(0), ("enterprise".into(), "yes/e1 yes/e2".into(), "buy".into()));
    assert_eq!(told(2), ("platform".into(), "yes/p".into(), "buy".into()));
    assert_eq!(told(4), ("function".into(), "yes/f".into(), "buy".into()));
}

#[tokio::test]
async fn first_denial_stops_and_names_tier_and_policy() {
    let rig = Rig::new();
    let tiers = r#"
        enterprise_policies = ["yes/e1"]
        platform_policies = ["no/p", "yes/p"]
    "#;
    let policies = rig.builder(tiers, &["yes/e1", "no/p", "yes/p", "yes/f"]).build().unwrap();
    let refused = run(&service(&policies), "buy", &policies.function(["yes/f"]).unwrap()).await;
    let Err(AuthorizeError::Denied(denial)) = refused else { panic!("{refused:?}") };
    assert_eq!((denial.tier(), denial.policy().as_str()), (PolicyTier::Platform, "no/p"));
    assert_eq!(rig.asked(), ["yes/e1", "no/p"]);
}

#[tokio::test]
async fn route_that_allows_everything_cannot_leave_out_the_deployment() {
    let rig = Rig::new();
    let policies = rig.builder(r#"enterprise_policies = ["no/e"]"#, &["no/e"]).build().unwrap();
    let kest = service(&policies);
    let refused = run(&kest, "buy", &dangerous_allow_all()).await;
    assert!(matches!(refused, Err(AuthorizeError::Denied(_))), "{refused:?}");
    // Nor can a nested operation, or one built from closures of its own.
    let plain: Arc<dyn Authorize> = Arc::new(policy_fn("mine", |_| true).unwrap());
    let refused = run(&kest, "buy", &all_of([plain])).await;
    assert!(matches!(refused, Err(AuthorizeError::Denied(_))), "{refused:?}");
}

#[tokio::test]
async fn nested_operation_is_asked_about_too() {
    let rig = Rig::new();
    let policies = rig.builder(r#"enterprise_policies = ["yes/e"]"#, &["yes/e"]).build().unwrap();
    let outer = run_plain(&service(&policies), "outer").await.unwrap();
    let inner = kest_core::Operation::named("inner").unwrap();
    outer.operation(inner).admit(&deployment_only()).await.unwrap();
    let operations: Vec<_> =
        rig.seen.lock().unwrap().iter().map(|(_, it)| it.environment().operation.to_string()).collect();
    assert_eq!(operations, ["outer", "inner"]);
}

#[tokio::test]
async fn service_built_without_the_configured_tiers_allows_nothing() {
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &NAMES).build().unwrap();
    let refused = run(&kest(None), "buy", &policies.function(["yes/f"]).unwrap()).await;
    let Err(AuthorizeError::Failed(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("deployment_policy()"), "{cause}");
    assert_eq!(rig.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn higher_policies_of_another_set_do_not_count() {
    let rig = Rig::new();
    let (ours, others) =
        (rig.builder(TIERS, &NAMES).build().unwrap(), rig.builder("", &["yes/f"]).build().unwrap());
    let refused = run(&service(&others), "buy", &ours.function(["yes/f"]).unwrap()).await;
    assert!(matches!(refused, Err(AuthorizeError::Failed(_))), "{refused:?}");
}

/// A policy of a route that claims to have asked more than its own.
#[derive(Debug)]
struct Established(PolicyContext);

#[async_trait]
impl Authorize for Established {
    async fn decide(&self, _: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        Ok(Decision::Allow(self.0.clone()))
    }
}

#[tokio::test]
async fn route_cannot_speak_for_the_deployment() {
    let policy = PolicyName::new("data-classification").unwrap();
    for tier in [PolicyTier::Enterprise, PolicyTier::Platform] {
        let mut context = PolicyContext::default();
        context.push(tier, &policy);
        let refused = run(&kest(None), "buy", &Established(context)).await;
        assert!(matches!(refused, Err(AuthorizeError::ForeignTier(found)) if found == tier), "{refused:?}");
    }
}

#[tokio::test]
async fn route_cannot_exempt_itself() {
    let policy = PolicyName::new("data-classification").unwrap();
    let mut context = PolicyContext::default();
    context.push(PolicyTier::Function, &policy);
    context.push_deviation(Deviation::new(PolicyTier::Platform, &policy, "no time", "me"));
    let refused = run(&kest(None), "buy", &Established(context)).await;
    assert!(matches!(refused, Err(AuthorizeError::ForeignDeviation)), "{refused:?}");
}

#[tokio::test]
async fn no_policy_at_all_is_noticed_before_the_first_request() {
    let (rig, empty) = (Rig::new(), all_of([]));
    let none = service(&rig.builder("", &["yes/f"]).build().unwrap());
    let only = deployment_only();
    let policies: [&dyn Authorize; 2] = [&only, &empty];
    for policy in policies {
        assert!(kest(None).check_policy(policy).is_err());
        assert!(none.check_policy(policy).is_err());
        assert!(matches!(run(&kest(None), "buy", policy).await, Err(AuthorizeError::NoPolicy)));
    }
    let some = service(&rig.builder(r#"app_policies = ["yes/f"]"#, &["yes/f"]).build().unwrap());
    assert!(some.check_policy(&deployment_only()).is_ok());
    assert!(run_plain(&some, "buy").await.is_ok());
}

#[test]
fn route_that_names_an_unknown_policy_is_not_built() {
    let rig = Rig::new();
    let policies = rig.builder("", &["yes/f"]).build().unwrap();
    let unknown = PolicyName::new("yes/typo").unwrap();
    assert_eq!(policies.function(["yes/f", "yes/typo"]).unwrap_err(), RoutePolicyError::Unknown(unknown));
    assert_eq!(policies.function([""; 0]).unwrap_err(), RoutePolicyError::NoPolicy);
    assert_eq!(policies.function([""]).unwrap_err(), RoutePolicyError::Name);
    let twice = PolicyName::new("yes/f").unwrap();
    assert_eq!(policies.function(["yes/f", "yes/f"]).unwrap_err(), RoutePolicyError::Twice(twice));
}

#[tokio::test]
async fn every_named_policy_must_allow() {
    let rig = Rig::new();
    let policies = rig.builder("", &NAMES).build().unwrap();
    let refused = run(&kest(None), "buy", &policies.function(["yes/f", "no/f"]).unwrap()).await;
    assert!(matches!(refused, Err(AuthorizeError::Denied(_))), "{refused:?}");
    assert_eq!(rig.asked(), ["yes/f", "no/f"]);
}
