//! What was not admitted or not sent, by policy, signer, bounds or a missing lineage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::entry::{PolicyContext, PolicyName, PolicyTier, Resource};
use kest_core::policy::{AuthorizeError, Decision, PolicyRequest, policy_fn};
use kest_core::{Authorize, Limits, Operation};
use kest_testkit::{SignerFault, failing_signer};
use kest_tests::forge;
use kest_tests::keys;
use kest_tests::raw;
use kest_tests::service::Setup;
use kest_tower::RejectionKind;

use super::{SECRET, check, keep};

/// A policy that fails as it is told.
#[derive(Debug, Clone, Copy)]
enum Policy {
    Away,
    Failing,
    Silent,
    EmptyYes,
    Enterprise,
}

#[async_trait]
impl Authorize for Policy {
    async fn decide(&self, _: &PolicyRequest<'_>) -> Result<Decision, AuthorizeError> {
        match self {
            Self::Away => Err(AuthorizeError::Unavailable(SECRET.into())),
            Self::Failing => Err(AuthorizeError::Failed(SECRET.into())),
            Self::Silent => std::future::pending().await,
            Self::EmptyYes => Ok(Decision::Allow(PolicyContext::default())),
            Self::Enterprise => {
                let mut policies = PolicyContext::default();
                policies.push(PolicyTier::Enterprise, &PolicyName::new("usurped").unwrap());
                Ok(Decision::Allow(policies))
            }
        }
    }
}

#[tokio::test]
async fn operation_that_is_not_admitted_is_explained() {
    for (policy, kind) in [
        (Policy::Away, RejectionKind::PolicyUnavailable),
        (Policy::Failing, RejectionKind::PolicyFailed),
        (Policy::Silent, RejectionKind::TookTooLong),
        (Policy::EmptyYes, RejectionKind::NoPolicy),
        (Policy::Enterprise, RejectionKind::PolicyMisplaced),
    ] {
        let mut limits = Limits::default();
        limits.admission_wait = Duration::from_millis(50);
        let setup = Setup { policy: Arc::new(policy), limits, ..Setup::default() };
        check(setup, raw::call(), "operation", kind).await;
    }
    for fault in [SignerFault::Away, SignerFault::Wrong] {
        let setup = Setup { signer: Arc::new(failing_signer("service", fault)), ..Setup::default() };
        let line = check(setup, raw::call(), "operation", RejectionKind::SignerUnavailable).await;
        assert!(line.contains("cause=\""), "{line}");
    }
}

#[tokio::test]
async fn denial_says_what_policy_was_asked_about() {
    let policy = Arc::new(policy_fn("trusted_data", |it| it.trust_score().value() >= 40).unwrap());
    let operation = Operation::named("import\nfeed").unwrap().taint("feed").taint("a\u{1b}[2Jb");
    let setup = Setup { policy, operation, ..Setup::default() };
    let line = check(setup, raw::call(), "operation", RejectionKind::Denied).await;
    for part in [
        "trust=10",
        "root=true",
        "taints=[a\\u{1b}[2Jb,feed]",
        "tier=\"function\"",
        "policy=trusted_data",
        "kest.operation=import\\nfeed",
        "kest.entry_id=",
        "root_origin",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn denial_within_a_lineage_is_no_root() {
    let policy = Arc::new(policy_fn("never", |_| false).unwrap());
    let entries = vec![forge::entry("gateway", 1, &[]).with("/trust_score", 70).sign()];
    let request = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let line = check(Setup { policy, ..Setup::default() }, request, "operation", RejectionKind::Denied).await;
    assert!(line.contains("trust=70") && line.contains("root=false") && line.contains("taints=[]"), "{line}");
}

#[tokio::test]
async fn entry_that_the_request_makes_too_large_is_the_callers_fault() {
    let mut limits = Limits::default();
    limits.entry_bytes = 1200;
    let operation = Operation::named("call").unwrap().resource(Resource::new("x".repeat(600)));
    let setup = Setup { limits, operation, ..Setup::default() };
    let line = check(setup, raw::call(), "operation", RejectionKind::EntryTooLarge).await;
    assert!(line.contains("INFO") && line.contains("cause=\"entry_too_long\""), "{line}");
    let mut limits = Limits::default();
    limits.entries = 1;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let request = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    check(Setup { limits, ..Setup::default() }, request, "operation", RejectionKind::LineageFull).await;
}

#[tokio::test]
async fn nested_and_originated_work_is_explained_too() {
    let outer = keys::chain(1).await;
    let never = policy_fn("never", |_| false).unwrap();
    let kept = keep();
    assert!(outer.operation(Operation::named("delete").unwrap()).admit(&never).await.is_err());
    let line = kept.only("nested", "denied");
    assert!(line.contains("policy=never") && line.contains("root=false"), "{line}");
    drop(kept);
    let kept = keep();
    let joined = outer.join([]).unwrap().admit(&Operation::named("sum").unwrap(), &never).await;
    assert!(joined.is_err());
    kept.only("nested", "denied");
    drop(kept);
    let kept = keep();
    let nightly = Operation::named("nightly").unwrap();
    let origin = kest_core::trust::Origin::user_input();
    assert!(keys::kest("service").originate(origin, &nightly, &never).await.is_err());
    assert!(kept.only("originate", "denied").contains("trust=40"));
}

#[tokio::test(start_paused = true)]
async fn nested_work_that_takes_too_long_is_explained() {
    use kest_baggage::RunNested as _;
    let outer = keys::chain(1).await;
    let kept = keep();
    let nested = outer.operation(Operation::named("ask").unwrap());
    assert!(nested.run(&Policy::Silent, async |_: kest_core::Admission| ()).await.is_err());
    kept.only("nested", "took_too_long");
}

#[tokio::test]
async fn request_that_is_not_sent_is_explained_and_one_without_a_passport_is_counted() {
    use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
    let never = || policy_fn("never", |_| false).unwrap();
    let nightly = || Operation::named("nightly").unwrap();
    let internal = kest_core::trust::Origin::internal;
    for (choice, step, kind) in [
        (WithoutLineage::Refuse, "client", "no_lineage"),
        (
            WithoutLineage::originate(keys::kest("service"), internal(), nightly(), never()),
            "originate",
            "denied",
        ),
    ] {
        let client = CarryPassport::to([Destination::origin("http://127.0.0.1:9").unwrap()])
            .without_lineage(choice)
            .client(reqwest::Client::builder())
            .unwrap();
        let kept = keep();
        assert!(client.get(format!("http://127.0.0.1:9/{SECRET}")).send().await.is_err());
        kept.only(step, kind);
        assert!(!kept.logs.text().contains(SECRET));
        drop(kept);
        let kept = keep();
        let unlisted = client.get(format!("http://127.0.0.2:9/{SECRET}")).send().await;
        assert!(unlisted.is_err());
        assert_eq!(kept.refusals(), BTreeMap::new());
        let text = kept.logs.text();
        assert!(text.contains("destination is not listed") && text.contains("http://127.0.0.2:9"), "{text}");
        let ours: Vec<&str> = text.lines().filter(|line| line.contains("kest_baggage::carry")).collect();
        assert!(ours.len() == 1 && !ours[0].contains(SECRET), "{text}");
    }
}
