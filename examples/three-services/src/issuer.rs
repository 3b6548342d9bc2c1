//! A token issuer: a key set over HTTP and tokens signed with its key.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kest::core::{BoxError, SystemClock};
use kest::{Clock as _, OsRandom};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// An issuer listening on loopback until it is dropped.
#[derive(Debug)]
pub struct Issuer {
    address: SocketAddr,
    key: EncodingKey,
    serving: tokio::task::JoinHandle<()>,
}

impl Issuer {
    /// Starts an issuer with a fresh Ed25519 key.
    ///
    /// # Errors
    ///
    /// When no port or no key can be had.
    pub async fn start() -> Result<Self, BoxError> {
        let mut seed = [0_u8; 32];
        kest::core::Random::fill(&OsRandom, &mut seed)?;
        let key = SigningKey::from_bytes(&seed);
        let set = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "issuer-1",
            "x": URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
        }]});
        let key = EncodingKey::from_ed_der(key.to_pkcs8_der()?.as_bytes());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let origin = format!("http://{address}");
        let metadata = json!({"issuer": origin, "jwks_uri": format!("{origin}/jwks.json")});
        let router = Router::new()
            .route("/jwks.json", get(async || axum::Json(set)))
            .route("/.well-known/openid-configuration", get(async || axum::Json(metadata)));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("issuer stopped: {error}");
            }
        });
        Ok(Self { address, key, serving })
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where its keys are.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// An access token for `user` through `agent`, good for five minutes.
    ///
    /// # Errors
    ///
    /// When the token cannot be signed.
    pub fn token(&self, audience: &str, user: &str, agent: &str, scope: &str) -> Result<String, BoxError> {
        let now = SystemClock.unix_seconds();
        self.sign(&json!({
            "iss": self.name(), "aud": audience, "sub": user, "client_id": agent, "scope": scope,
            "iat": now, "exp": now + 300,
        }))
    }

    /// A token that expired `ago`.
    ///
    /// # Errors
    ///
    /// When the token cannot be signed.
    pub fn expired_token(&self, audience: &str, user: &str, ago: Duration) -> Result<String, BoxError> {
        let then = SystemClock.unix_seconds().saturating_sub(ago.as_secs());
        self.sign(&json!({
            "iss": self.name(), "aud": audience, "sub": user, "iat": then.saturating_sub(300), "exp": then,
        }))
    }

    /// A token with these claims.
    ///
    /// # Errors
    ///
    /// When the token cannot be signed.
    pub fn sign(&self, claims: &Value) -> Result<String, BoxError> {
        // Two backends may be compiled in by other crates; jsonwebtoken wants to be told which. A second call is refused
        // and changes nothing.
        let _installed = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some("issuer-1".to_owned());
        Ok(jsonwebtoken::encode(&header, claims, &self.key)?)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
