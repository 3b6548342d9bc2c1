//! A policy that is away, slow, failing, unknown or absent. `suite::policy` tries the adapters in detail.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::entry::{PolicyName, Resource};
use kest_core::policy::{AuthorizeError, Decision, NothingAsked, PolicyRequest, all_of, deployment_only};
use kest_core::{Authorize, Limits, Operation};
use kest_policy::{Policies, RoutePolicyError, Source};
use kest_testkit::{PolicyAnswer, RecordingPolicy};
use kest_tests::service::Setup;
use kest_tests::{keys, raw};
use kest_tower::OperationLayer;

/// Says yes in the name of no policy.
#[derive(Debug)]
struct EmptyYes;

#[async_trait]
impl Authorize for EmptyYes {
    async fn decide(&self, _: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        Ok(Decision::Allow(kest_core::entry::PolicyContext::default()))
    }
}

async fn check(policy: Arc<dyn Authorize>, status: u16) {
    let mut limits = Limits::default();
    limits.admission_wait = Duration::from_millis(50);
    let service = Setup { policy, limits, ..Setup::default() }.start().await;
    service.refused(&raw::call(), &[status]).await;
}

#[tokio::test]
async fn policy_engine_down_is_a_refusal() {
    check(Arc::new(RecordingPolicy::new(PolicyAnswer::Unavailable)), 503).await;
}

#[tokio::test]
async fn policy_engine_that_never_answers_is_a_refusal() {
    check(Arc::new(RecordingPolicy::new(PolicyAnswer::Silent)), 503).await;
}

#[tokio::test]
async fn policy_that_errs_is_a_no() {
    check(Arc::new(RecordingPolicy::new(PolicyAnswer::Fail)), 403).await;
}

#[tokio::test]
async fn yes_that_names_no_policy_is_no_yes() {
    check(Arc::new(EmptyYes), 500).await;
    let yes: Arc<dyn Authorize> = Arc::new(kest_core::policy::dangerous_allow_all());
    check(Arc::new(all_of([yes, Arc::new(EmptyYes)])), 500).await;
}

#[tokio::test]
async fn layer_on_no_policy_at_all_is_not_built() {
    let operation = || Operation::named("call").unwrap();
    let nothings: [Arc<dyn Authorize>; 2] = [Arc::new(all_of([])), Arc::new(deployment_only())];
    for nothing in nothings {
        let layer = OperationLayer::try_shared(keys::kest("service"), operation(), nothing);
        assert_eq!(layer.err(), Some(NothingAsked.into()));
    }
}

#[tokio::test]
async fn policy_that_no_engine_knows_stops_the_start() {
    let policy = Source::text("shop.cedar", "@id(\"shop\") permit (principal, action, resource);");
    let set = || Policies::builder().text(policy.clone());
    let unknown = PolicyName::new("shpo").unwrap();
    let policies = set().build().unwrap();
    assert_eq!(policies.function(["shpo"]).unwrap_err(), RoutePolicyError::Unknown(unknown));
    let configuration = Source::text("kest.toml", "enterprise_policies = [\"shpo\"]");
    let errors = set().configuration(configuration).build().unwrap_err();
    assert_eq!(errors.to_string(), "kest.toml: policy shpo is not known to any engine");
}

#[tokio::test]
async fn policy_in_this_process_that_errs_is_a_no() {
    // The attribute is no number; Cedar alone would skip the prohibition and permit.
    let cedar = "@id(\"p\") permit (principal, action, resource);
        @id(\"p\") forbid (principal, action, resource) when { context.object.attributes has level && context.object.attributes.level > 2 };";
    let rego = "package p\n\ndefault allow := false\n\nallow if to_number(input.object.id) > 0\n";
    for source in [Source::text("p.cedar", cedar), Source::text("p.rego", rego)] {
        let policies = Policies::builder().text(source).build().unwrap();
        let policy: Arc<dyn Authorize> = Arc::new(policies.function(["p"]).unwrap());
        let resource = Resource::new("seven").with_attributes("{\"level\": \"top\"}").unwrap();
        let operation = Operation::named("call").unwrap().resource(resource);
        let service = Setup { policy, operation, ..Setup::default() }.start().await;
        service.refused(&raw::call(), &[403]).await;
    }
}
