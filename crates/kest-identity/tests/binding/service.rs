//! A service that trusts issuers with different rules, and requests to it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::{
    Authenticate, AuthenticateError, Caller, Challenge, Evidence, Limits, Lineage, PeerCertificate,
    RequestTarget, authenticate,
};
use kest_identity::{
    BindingError, DpopSettings, FetchError, FetchKeys, InvalidToken, JwtAuthenticator, KeySet, Requirement,
    TrustedIssuer,
};
use kest_testkit::TestClock;
use serde_json::json;

use crate::party::{AUDIENCE, NOW, Party};

/// Its tokens must be bound to a key.
pub(crate) const STRICT: &str = "https://strict.example";
/// Its tokens may be bound to a key or a certificate.
pub(crate) const OPEN: &str = "https://open.example";
/// Its tokens are not bound.
pub(crate) const PLAIN: &str = "https://plain.example";
/// Its tokens must be bound to a certificate.
pub(crate) const MUTUAL: &str = "https://mutual.example";

#[derive(Debug)]
struct Published(String);

#[async_trait]
impl FetchKeys for Published {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        KeySet::from_json(self.0.as_bytes(), &Limits::default()).map_err(FetchError::NotAKeySet)
    }
}

pub(crate) struct Service {
    pub(crate) authenticator: JwtAuthenticator,
    clock: Arc<TestClock>,
    /// The key of all issuers.
    pub(crate) issuer: Party,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self::with(DpopSettings::new().origins(["https://api.example"]), Limits::default())
    }

    pub(crate) fn with(settings: DpopSettings, limits: Limits) -> Self {
        use Requirement::{Off, Optional, Required};
        let issuers =
            [(STRICT, Required, Off), (OPEN, Optional, Optional), (PLAIN, Off, Off), (MUTUAL, Off, Required)];
        Self::trusting(&issuers, settings, limits)
    }

    pub(crate) fn trusting(
        issuers: &[(&str, Requirement, Requirement)],
        settings: DpopSettings,
        limits: Limits,
    ) -> Self {
        let issuer = Party::new(1);
        let mut jwk = issuer.jwk();
        jwk["kid"] = json!("key-1");
        let keys = Arc::new(Published(json!({ "keys": [jwk] }).to_string()));
        let clock = Arc::new(TestClock::at(NOW));
        let mut builder = JwtAuthenticator::builder()
            .clock(Arc::<TestClock>::clone(&clock))
            .limits(limits)
            .dpop_settings(settings);
        for (name, dpop, certificates) in issuers {
            let trusted =
                TrustedIssuer::new(*name).audience(AUDIENCE).keys_from(Arc::<Published>::clone(&keys));
            builder = builder.trust(trusted.dpop(*dpop).certificate_bound(*certificates));
        }
        Self { authenticator: builder.build().unwrap(), clock, issuer }
    }

    pub(crate) fn forward(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sends a `GET` of `/orders` with these headers and certificate.
    pub(crate) async fn get(
        &self,
        authorization: &str,
        proofs: &[&str],
        certificate: Option<PeerCertificate>,
    ) -> Result<Caller, AuthenticateError> {
        let evidence = Evidence::new(&Lineage::Absent)
            .with_authorization([authorization.as_bytes()])
            .with_dpop(proofs.iter().map(|proof| proof.as_bytes()))
            .with_target(RequestTarget::new("GET", Some("10.0.0.7:8080"), "/orders"))
            .with_certificate(certificate);
        authenticate(&self.authenticator, &evidence).await
    }

    /// Sends `token` with a proof.
    pub(crate) async fn dpop(&self, token: &str, proof: &str) -> Result<Caller, AuthenticateError> {
        self.get(&format!("DPoP {token}"), &[proof], None).await
    }

    pub(crate) async fn bearer(&self, token: &str) -> Result<Caller, AuthenticateError> {
        self.get(&format!("Bearer {token}"), &[], None).await
    }

    pub(crate) fn challenge(&self, error: &AuthenticateError) -> Option<Challenge> {
        self.authenticator.challenge(error)
    }
}

/// Checks that the answer is a refusal for this reason, and that it says nothing of what was sent.
#[track_caller]
pub(crate) fn check_refused(answer: Result<Caller, AuthenticateError>, kind: &str) {
    let Err(AuthenticateError::Invalid(cause)) = answer else { panic!("expected {kind}, got {answer:?}") };
    let found = cause.downcast_ref().map(BindingError::kind);
    assert_eq!(found.or_else(|| cause.downcast_ref().map(InvalidToken::kind)), Some(kind));
    let mut told = String::new();
    let mut next: Option<&dyn Error> = Some(cause.as_ref());
    while let Some(error) = next {
        told += &error.to_string();
        next = error.source();
    }
    for content in ["user-1", "agent-1", "key-1", "proof-1", "eyJ", "example"] {
        assert!(!told.contains(content), "{told}");
    }
}
