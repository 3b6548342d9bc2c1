//! One service with a clock in our hand, in front of a key set endpoint, and tokens to send to it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::{
    AuthenticateError, Caller, Evidence, Limits, Lineage, PeerCertificate, RequestTarget, authenticate,
};
use kest_identity::{
    InvalidToken, JwtAuthenticator, JwtAuthenticatorBuilder, KeySetUnavailable, TrustedIssuer,
};
use kest_testkit::TestClock;
use serde_json::{Value, json};

use crate::endpoint::{Answer, Endpoint, publishing};
use crate::keys::SigningKey;

pub(crate) const ISSUER: &str = "https://issuer.example/";
pub(crate) const AUDIENCE: &str = "https://orders.example/";
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) struct Rig {
    pub(crate) authenticator: JwtAuthenticator,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) endpoint: Endpoint,
}

impl Rig {
    /// A service that trusts an endpoint which publishes these keys.
    pub(crate) async fn trusting(keys: impl IntoIterator<Item = &SigningKey>) -> Self {
        Self::asking(publishing(keys.into_iter().map(SigningKey::jwk))).await
    }

    pub(crate) async fn asking(answer: Answer) -> Self {
        Self::configured(answer, |builder| builder).await
    }

    pub(crate) async fn configured(
        answer: Answer,
        configure: impl FnOnce(JwtAuthenticatorBuilder) -> JwtAuthenticatorBuilder,
    ) -> Self {
        let endpoint = Endpoint::answering(answer);
        let clock = Arc::new(TestClock::at(NOW));
        let builder = JwtAuthenticator::builder()
            .jwks_uri(endpoint.uri.as_str())
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(Arc::<TestClock>::clone(&clock));
        Self { authenticator: configure(builder).build().unwrap(), clock, endpoint }
    }

    /// A service that trusts nothing but this issuer, which publishes `key`.
    pub(crate) async fn alone(key: Value, trusted: TrustedIssuer) -> Self {
        let endpoint = Endpoint::answering(publishing([key]));
        let clock = Arc::new(TestClock::at(NOW));
        let builder = JwtAuthenticator::builder().clock(Arc::<TestClock>::clone(&clock));
        let authenticator = builder.trust(trusted.jwks_uri(endpoint.uri.as_str())).build().unwrap();
        Self { authenticator, clock, endpoint }
    }

    pub(crate) async fn send(&self, authorization: &[&str]) -> Result<Caller, AuthenticateError> {
        let values = authorization.iter().map(|value| value.as_bytes());
        let evidence = Evidence::new(&Lineage::Absent).with_authorization(values);
        authenticate(&self.authenticator, &evidence).await
    }

    /// Sends these headers as evidence of a request for `POST https://orders.example/orders`, by a connection with that certificate.
    pub(crate) async fn send_bound(
        &self,
        authorization: &str,
        proofs: &[&str],
        certificate: Option<PeerCertificate>,
    ) -> Result<Caller, AuthenticateError> {
        let evidence = Evidence::new(&Lineage::Absent)
            .with_authorization([authorization.as_bytes()])
            .with_dpop(proofs.iter().map(|proof| proof.as_bytes()))
            .with_target(RequestTarget::new("POST", Some("orders.example"), "/orders"))
            .with_certificate(certificate);
        authenticate(&self.authenticator, &evidence).await
    }

    pub(crate) async fn send_token(&self, token: &str) -> Result<Caller, AuthenticateError> {
        self.send(&[&format!("Bearer {token}")]).await
    }

    #[track_caller]
    pub(crate) fn check_fetches(&self, expected: u64) {
        assert_eq!((self.authenticator.fetches(), self.endpoint.hits()), (expected, expected));
    }
}

/// Short waits in real time, for endpoints that never answer.
pub(crate) fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.key_wait = Duration::from_millis(50);
    limits.key_fetch_wait = Duration::from_millis(500);
    limits
}

/// A token that holds, unless it is changed.
pub(crate) fn token(key: &SigningKey) -> String {
    token_with(key, &json!({}), &json!({}))
}

/// A token whose header and claims differ from good ones by these members; `null` takes a member away.
pub(crate) fn token_with(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let mut good_header = json!({"alg": key.usual_algorithm().as_str(), "typ": "at+jwt", "kid": key.id});
    let mut good_claims = json!({
        "iss": ISSUER, "aud": [AUDIENCE], "sub": "user-1", "client_id": "agent-1", "scope": "read write",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 10_000,
    });
    change(&mut good_header, header);
    change(&mut good_claims, claims);
    signed(key, &good_header, &good_claims)
}

/// A token of exactly these members.
pub(crate) fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let signed = signing_input(header, claims);
    let signature = key.sign(header["alg"].as_str().unwrap_or_default(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn change(value: &mut Value, changes: &Value) {
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
}

/// Checks that the answer is a refusal for this reason, and that it says nothing of what was sent.
#[track_caller]
pub(crate) fn check_refused(answer: Result<Caller, AuthenticateError>, kind: &str) {
    let Err(AuthenticateError::Invalid(cause)) = answer else { panic!("expected {kind}, got {answer:?}") };
    let invalid = cause.downcast_ref::<InvalidToken>().unwrap();
    assert_eq!(invalid.kind(), kind);
    let mut told = format!("{invalid:?}");
    let mut next: Option<&dyn Error> = Some(invalid);
    while let Some(error) = next {
        told += &error.to_string();
        next = error.source();
    }
    for content in ["user-1", "agent-1", "key-1", "eyJ", ".example"] {
        assert!(!told.contains(content), "{told}");
    }
}

/// Checks that it could not be said whether the token holds, because of this failure.
#[track_caller]
pub(crate) fn check_unavailable(answer: Result<Caller, AuthenticateError>, kind: &str) {
    let Err(AuthenticateError::Unavailable(cause)) = answer else {
        panic!("expected {kind}, got {answer:?}")
    };
    let cause = cause.downcast_ref::<KeySetUnavailable>().unwrap();
    let fetch = if let KeySetUnavailable::Fetch(cause) = cause { Some(cause.kind()) } else { None };
    assert_eq!(fetch.unwrap_or("waited"), kind, "{cause:?}");
}
