//! A service that trusts the issuer, with a clock that can be set ahead, and requests to it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kest_core::{
    AuthenticateError, Caller, Clock, Evidence, Lineage, RequestTarget, SystemClock, authenticate,
};
use kest_identity::{BindingError, DpopSettings, InvalidToken, JwtAuthenticator, JwtAuthenticatorBuilder};
use kest_servers::issuer::Issuer;
use kest_testkit::RuntimeClock;

use tokio::time::Instant;

use crate::client::ORDERS;

pub(crate) struct Service {
    pub(crate) authenticator: JwtAuthenticator,
    /// The machine's clock, which is also the issuer's, set ahead.
    clock: Arc<RuntimeClock>,
}

impl Service {
    /// A service that knows nothing of `issuer` but its name, and has started.
    pub(crate) async fn trusting(issuer: &Issuer) -> Self {
        Self::configured(issuer, |builder| builder).await
    }

    pub(crate) async fn configured(
        issuer: &Issuer,
        configure: impl FnOnce(JwtAuthenticatorBuilder) -> JwtAuthenticatorBuilder,
    ) -> Self {
        let clock = Arc::new(RuntimeClock::starting(SystemClock.now(), Instant::now()));
        let builder = JwtAuthenticator::builder()
            .issuer(issuer.address())
            .audience(ORDERS)
            .dpop_settings(DpopSettings::new().origins(["https://orders.example"]))
            .clock(Arc::<RuntimeClock>::clone(&clock));
        let authenticator = configure(builder).build().unwrap();
        authenticator.start().await.unwrap();
        Self { authenticator, clock }
    }

    pub(crate) fn forward(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn bearer(&self, token: &str) -> Result<Caller, AuthenticateError> {
        get(&self.authenticator, &format!("Bearer {token}"), &[]).await
    }

    pub(crate) async fn dpop(&self, token: &str, proof: &str) -> Result<Caller, AuthenticateError> {
        get(&self.authenticator, &format!("DPoP {token}"), &[proof]).await
    }

    /// The answer to a request that must not wait for anything.
    #[track_caller]
    pub(crate) fn at_once(&self, token: &str) -> Result<Caller, AuthenticateError> {
        let answer = pin!(self.bearer(token)).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(answer) = answer else { panic!("the request waits") };
        answer
    }
}

/// Sends a `GET` of [`ADDRESS`](crate::client::ADDRESS) with these headers.
pub(crate) async fn get(
    authenticator: &JwtAuthenticator,
    authorization: &str,
    proofs: &[&str],
) -> Result<Caller, AuthenticateError> {
    let evidence = Evidence::new(&Lineage::Absent)
        .with_authorization([authorization.as_bytes()])
        .with_dpop(proofs.iter().map(|proof| proof.as_bytes()))
        .with_target(RequestTarget::new("GET", Some("orders.example"), "/orders"));
    authenticate(authenticator, &evidence).await
}

#[track_caller]
pub(crate) fn check_refused(answer: Result<Caller, AuthenticateError>, kind: &str) {
    let Err(AuthenticateError::Invalid(cause)) = answer else { panic!("expected {kind}, got {answer:?}") };
    let found = cause.downcast_ref().map(BindingError::kind);
    assert_eq!(found.or_else(|| cause.downcast_ref().map(InvalidToken::kind)), Some(kind));
}
