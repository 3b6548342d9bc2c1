//! Key set endpoints that fail or misbehave: known keys serve for their time, then no caller is believed.

mod faults;
mod rotation;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::{Attested, Authenticate, AuthenticateError, Evidence, Limits};
use kest_identity::IdentityChoice;
use kest_tests::raw;
use kest_tests::service::Setup;

#[tokio::test]
async fn mechanism_that_never_answers_does_not_hold_the_request() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait]
    impl Authenticate for Silent {
        async fn attest(&self, _: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
            std::future::pending().await
        }
    }
    let identity = IdentityChoice::mechanism(Arc::new(Silent));
    let mut limits = Limits::default();
    limits.arrival_wait = Duration::from_millis(200);
    let service = Setup { identity, limits, ..Setup::default() }.start().await;
    service.refused(&raw::call(), &[503]).await;
}
