//! A signer that is away, lies, or never answers.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_testkit::{SignerFault, failing_signer};
use kest_tests::raw;
use kest_tests::service::Setup;

async fn check(fault: SignerFault) {
    let mut limits = Limits::default();
    limits.admission_wait = Duration::from_millis(50);
    let service = Setup { signer: Arc::new(failing_signer("service", fault)), limits, ..Setup::default() }
        .start()
        .await;
    let response = raw::call().send(service.address).await;
    assert_eq!((response.status, response.body.as_str(), service.runs()), (503, "", 0), "{fault:?}");
}

#[tokio::test]
async fn handler_does_not_run_without_a_signer() {
    check(SignerFault::Away).await;
}

#[tokio::test]
async fn handler_does_not_run_under_a_wrong_signature() {
    check(SignerFault::Wrong).await;
}

#[tokio::test]
async fn handler_does_not_wait_for_a_silent_signer() {
    check(SignerFault::Silent).await;
}
