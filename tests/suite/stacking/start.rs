//! What could never work is found before the first request.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use kest_core::entry::{PolicyContext, PolicyName, PolicyTier, Resource, Sanitizer};
use kest_core::policy::{AuthorizeError, Decision, PolicyRequest, all_of, dangerous_allow_all};
use kest_core::{Authorize, Operation, OperationError};
use kest_tests::keys;
use kest_tower::{OperationLayer, Rejection};
use tower::{ServiceBuilder, ServiceExt as _};

use super::{inbound, operation};

/// What would fail every request fails the start, with a message that says what to change.
#[test]
fn operation_that_can_never_be_signed_does_not_start() {
    let named = || Operation::named("call").unwrap();
    let reasoned = || Sanitizer::because("checked");
    for (what, operation, message) in [
        ("empty taint", named().taint(""), "taint"),
        ("endless taint", named().taint("x".repeat(10_000)), "taint"),
        ("too many taints", (0..10_000).fold(named(), |it, number| it.taint(number.to_string())), "taint"),
        ("empty taint removed", named().sanitizer(reasoned().removes("")), "taint"),
        ("no reason", named().sanitizer(Sanitizer::because("").removes("web")), "reason"),
        ("empty classification", named().classification(""), "classification"),
        ("endless classification", named().classification("x".repeat(257)), "classification"),
        ("resource of any kind", named().resource(Resource::new("*")), "resource"),
        ("resource without a name", named().resource(Resource::new("")), "resource"),
        ("endless resource", named().resource(Resource::new("x".repeat(10_000))), "resource"),
    ] {
        let built =
            OperationLayer::try_shared(keys::kest("service"), operation, Arc::new(dangerous_allow_all()));
        let error = built.expect_err(what).to_string();
        assert!(error.contains(message), "{what}: {error}");
    }
    for attributes in ["[]", "null", "7", "\"text\"", "true"] {
        assert!(Resource::new("order").with_attributes(attributes).is_err(), "{attributes}");
    }
    assert!(Resource::new("order").with_attributes("{}").is_ok());
}

#[test]
#[should_panic(expected = "operation call: sanitizer of the operation has no reason")]
fn layer_on_an_operation_that_can_never_be_signed_panics_by_name() {
    let operation = Operation::named("call").unwrap().sanitizer(Sanitizer::because(""));
    drop(OperationLayer::new(keys::kest("service"), operation, dangerous_allow_all()));
}

#[test]
fn policies_of_the_deployment_are_no_policy_of_an_operation() {
    let source =
        kest_policy::Source::text("shop.cedar", "@id(\"shop\") permit (principal, action, resource);");
    let configuration = kest_policy::Source::text("kest.toml", "app_policies = [\"shop\"]");
    let built = kest_policy::Policies::builder().text(source).configuration(configuration).build();
    let deployment: Arc<dyn Authorize> = built.unwrap().deployment();
    let joined: Arc<dyn Authorize> = Arc::new(all_of([Arc::clone(&deployment)]));
    for policy in [deployment, joined] {
        let operation = Operation::named("call").unwrap();
        let built = OperationLayer::try_shared(keys::kest("service"), operation, policy);
        assert_eq!(built.err(), Some(OperationError::DeploymentsPolicy));
    }
}

#[tokio::test]
async fn operation_cannot_record_a_policy_of_the_application_tier() {
    #[derive(Debug)]
    struct Usurper(PolicyTier);
    #[async_trait::async_trait]
    impl Authorize for Usurper {
        async fn decide(&self, _: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
            let mut policies = PolicyContext::default();
            policies.push(PolicyTier::Function, &PolicyName::new("own").unwrap());
            policies.push(self.0, &PolicyName::new("usurped").unwrap());
            Ok(Decision::Allow(policies))
        }
    }
    for tier in [PolicyTier::Enterprise, PolicyTier::Platform, PolicyTier::Application] {
        let policy = Arc::new(Usurper(tier));
        let layer = OperationLayer::shared(keys::kest("service"), Operation::named("call").unwrap(), policy);
        let service = ServiceBuilder::new()
            .layer(inbound())
            .layer(layer)
            .service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new("ran".to_owned())));
        let response = service.oneshot(Request::new(String::new())).await.unwrap();
        let kind = response.extensions().get::<Rejection>().map(|it| it.kind().as_str());
        assert_eq!((response.status().as_u16(), kind), (500, Some("policy_misplaced")), "{tier}");
    }
}

#[test]
fn service_without_deployment_policies_says_so_once() {
    let (logs, _guard) = kest_tests::logs::Logs::keep();
    drop((operation(), operation()));
    let text = logs.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("no deployment policy")).collect();
    assert!(lines.len() == 1 && lines[0].contains("WARN"), "{text}");
    assert!(lines[0].contains("KestBuilder::deployment_policy"), "{text}");
}
