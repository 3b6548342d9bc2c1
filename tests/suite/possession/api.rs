//! A service that takes tokens with a proof only, the issuer that binds them, and requests to it.

use std::sync::Arc;

use kest_identity::{Algorithm, DpopSettings, IdentityChoice, JwtAuthenticator, Requirement};
use kest_testkit::TestClock;
use kest_tests::raw::{self, RawRequest, RawResponse};
use kest_tests::service::{Service, Setup};
use serde_json::{Value, json};
use three_services::issuer::Issuer;

use super::holder::{Holder, NOW};

pub(super) const AUDIENCE: &str = "shop";

/// What is said to a proof that does not hold.
pub(super) const BAD_PROOF: &str = r#"DPoP error="invalid_dpop_proof", algs="EdDSA ES256""#;
/// What is said to a proof without our nonce.
pub(super) const USE_NONCE: &str = r#"DPoP error="use_dpop_nonce", algs="EdDSA ES256""#;
/// What is said to a token that is presented in another way than it is bound.
pub(super) const BAD_TOKEN: &str = r#"DPoP error="invalid_token", algs="EdDSA ES256""#;

/// The service and its issuer, both up until dropped.
pub(super) struct Api {
    issuer: Issuer,
    pub(super) clock: Arc<TestClock>,
    pub(super) service: Service,
}

/// What most tests ask of proofs.
pub(super) fn settings() -> DpopSettings {
    DpopSettings::new().origins(["https://test"]).algorithms([Algorithm::EdDsa, Algorithm::Es256])
}

impl Api {
    pub(super) async fn start() -> Self {
        Self::with(settings(), Setup::default()).await
    }

    pub(super) async fn with(settings: DpopSettings, setup: Setup) -> Self {
        let issuer = Issuer::start().await.unwrap();
        let clock = Arc::new(TestClock::default());
        let jwt = authenticator(&issuer, Arc::<TestClock>::clone(&clock), settings).await;
        let service = Setup { identity: IdentityChoice::jwks(jwt), ..setup }.start().await;
        Self { issuer, clock, service }
    }

    /// A token for alice that is bound to the key of `owner`.
    pub(super) fn token_for(&self, owner: &Holder) -> String {
        self.token(&json!({"jkt": owner.thumbprint()}))
    }

    /// A token for alice with this claim `cnf`.
    pub(super) fn token(&self, confirmation: &Value) -> String {
        token_of(&self.issuer, confirmation)
    }

    /// Sends `request` and expects a 401 with this challenge and no other, and nothing run or signed.
    #[track_caller]
    pub(super) fn refused<'it>(
        &'it self,
        request: &RawRequest,
        challenge: &'it str,
    ) -> impl Future<Output = RawResponse> + use<'it> {
        let caller = std::panic::Location::caller();
        let refused = self.service.refused(request, &[401]);
        async move {
            let response = refused.await;
            let told = response.headers.iter().filter(|(name, _)| name == "www-authenticate");
            let told: Vec<_> = told.map(|(_, value)| value.as_str()).collect();
            assert_eq!(told, [challenge], "{caller}");
            response
        }
    }
}

/// Takes tokens of `issuer` with a proof only.
pub(super) async fn authenticator(
    issuer: &Issuer,
    clock: Arc<TestClock>,
    settings: DpopSettings,
) -> JwtAuthenticator {
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(issuer.jwks_uri())
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .clock(clock)
        .dpop(Requirement::Required)
        .dpop_settings(settings)
        .build()
        .unwrap();
    jwt.start().await.unwrap();
    jwt
}

/// A token of `issuer` for alice with this claim `cnf`; `null` means none.
pub(super) fn token_of(issuer: &Issuer, confirmation: &Value) -> String {
    let mut claims = json!({
        "iss": issuer.name(), "aud": AUDIENCE, "sub": "alice", "client_id": "web", "iat": NOW, "exp": NOW + 3000,
    });
    if !confirmation.is_null() {
        claims["cnf"] = confirmation.clone();
    }
    issuer.sign(&claims).unwrap()
}

/// `POST /call` with a bound token and its proof.
pub(super) fn call(token: &str, proof: &str) -> RawRequest {
    bound(token).header("dpop", proof)
}

/// `POST /call` with a bound token alone.
pub(super) fn bound(token: &str) -> RawRequest {
    raw::call().header("authorization", format!("DPoP {token}"))
}
