//! Operations that were not admitted.

use std::time::Duration;

use kest_baggage::RunNested as _;
use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::trust::Origin;
use kest_core::{AdmitError, Limits, Operation};
use kest_testkit::{PolicyAnswer, RecordingPolicy, TestKest};

use crate::rig::Export;

#[tokio::test]
async fn operation_that_was_not_admitted_in_time_is_exported_as_an_error() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let mut limits = Limits::default();
    limits.admission_wait = Duration::from_millis(1);
    let cart = kit.admitter("cart").limits(limits).build();
    let serve = Operation::from_static("serve");
    let outer = cart.originate(Origin::system(), &serve, &dangerous_allow_all()).await.unwrap();
    let silent = RecordingPolicy::new(PolicyAnswer::Silent);
    let ran = outer.operation(Operation::from_static("slow")).run(&silent, async |_| ()).await;
    assert!(matches!(ran, Err(AdmitError::TookTooLong)), "{ran:?}");
    let slow = export.span("kest.verified.slow");
    assert_eq!(slow.status(), (2, "took_too_long"));
    assert_eq!(slow.attribute("error.type"), ["took_too_long"]);
    assert_eq!(slow.attribute("kest.refusal.step"), ["nested"]);
}

#[tokio::test]
async fn operation_that_policy_denied_is_exported_under_the_id_that_its_refusal_names() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let cart = kit.admitter("cart").build();
    let closed = policy_fn("closed", |_| false).unwrap();
    let operation = Operation::from_static("serve");
    let denied = cart.originate(Origin::system(), &operation, &closed).await;
    assert!(matches!(denied, Err(AdmitError::Authorize(_))), "{denied:?}");
    let span = export.span("kest.verified.serve");
    assert_eq!(span.status(), (2, "denied"));
    assert_eq!(span.attribute("kest.refusal.step"), ["originate"]);
    assert_eq!(span.attribute("kest.entry_id")[0].len(), 36);
    assert_eq!(span.attribute("kest.workload_id"), [cart.workload().as_str()]);
    assert_eq!(span.attribute("kest.signature"), Vec::<&str>::new());
}
