//! The issuer: what it publishes, what it signs, and when it is away.

use std::sync::{Arc, Mutex, PoisonError};

use kest_core::Clock as _;
use kest_identity::{JwtAuthenticator, JwtAuthenticatorBuilder};
use serde_json::{Value, json};

use super::{HttpAnswer, TestServer, TestToken};
use crate::clock::TestClock;
use crate::kit::TestKest;
use crate::tokens::TokenKey;

/// An issuer on loopback with a key set, metadata (RFC 8414 and `OpenID` Connect discovery) and seeded keys. Gone when it is
/// dropped.
///
/// ```
/// use kest_testkit::{TestIssuer, TestKest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kit = TestKest::new(["gateway"]);
/// let issuer = TestIssuer::start(&kit, "shop");
/// // A service that takes its tokens, and nothing else:
/// let authenticator = issuer.authenticator().build()?;
/// authenticator.start().await?;
/// // And a token to send: good for an hour of the kit's clock.
/// let authorization = issuer.token().user("alice").scope("orders:read").bearer();
/// # drop((authenticator, authorization));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestIssuer {
    endpoint: TestServer,
    audience: String,
    clock: Arc<TestClock>,
    keys: Mutex<Keys>,
}

#[derive(Debug)]
struct Keys {
    /// Published, the present one last.
    keys: Vec<Arc<TokenKey>>,
    made: u8,
}

impl TestIssuer {
    /// An issuer of tokens for `audience`.
    ///
    /// # Panics
    ///
    /// When no port can be had, and outside of tokio.
    #[must_use]
    #[track_caller]
    pub fn start(kit: &TestKest, audience: &str) -> Self {
        let issuer = Self {
            endpoint: TestServer::answering(HttpAnswer::Status("404 Not Found".to_owned())),
            audience: audience.to_owned(),
            clock: kit.clock(),
            keys: Mutex::new(Keys { keys: Vec::new(), made: 0 }),
        };
        issuer.rotate();
        let metadata = json!({"issuer": issuer.name(), "jwks_uri": issuer.jwks_uri()});
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            issuer.endpoint.publish(path, HttpAnswer::json(&metadata));
        }
        issuer
    }

    /// Its name, the `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> String {
        self.endpoint.origin()
    }

    /// Where its keys are.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        self.endpoint.at(KEYS)
    }

    /// The `aud` of its tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// What takes its tokens for this audience, by the kit's clock, and finds its keys by its metadata.
    pub fn authenticator(&self) -> JwtAuthenticatorBuilder {
        let clock: Arc<TestClock> = Arc::clone(&self.clock);
        JwtAuthenticator::builder().issuer(self.name()).audience(self.audience.as_str()).clock(clock)
    }

    /// A token for alice that holds for an hour.
    pub fn token(&self) -> TestToken {
        let now = self.clock.unix_seconds();
        let claims = json!({
            "iss": self.name(), "aud": self.audience, "sub": "alice", "client_id": "test", "jti": "token",
            "iat": now, "exp": now + 3600,
        });
        TestToken::new(self.key(), claims)
    }

    /// The key that it signs with at present.
    ///
    /// # Panics
    ///
    /// Never: there is one from the beginning.
    #[must_use]
    #[track_caller]
    pub fn key(&self) -> Arc<TokenKey> {
        use crate::fail::OrFail as _;
        self.keys().keys.last().cloned().or_fail("a key of the issuer")
    }

    /// Signs with a new key, and publishes it beside those before.
    ///
    /// # Panics
    ///
    /// When the library makes none.
    #[track_caller]
    pub fn rotate(&self) {
        let mut keys = self.keys();
        keys.made = keys.made.wrapping_add(1);
        let key = TokenKey::ed25519(&format!("issuer-{}", keys.made), keys.made);
        keys.keys.push(Arc::new(key));
        self.publish(&keys);
    }

    /// Publishes the present key alone: those before are withdrawn.
    pub fn withdraw_old_keys(&self) {
        let mut keys = self.keys();
        let old = keys.keys.len().saturating_sub(1);
        keys.keys.drain(..old);
        self.publish(&keys);
    }

    /// Where it listens, to see who asks and to answer otherwise.
    #[must_use]
    pub fn endpoint(&self) -> &TestServer {
        &self.endpoint
    }

    /// Refuses connections from now on.
    ///
    /// # Panics
    ///
    /// When the port is lost.
    pub async fn go_down(&mut self) {
        self.endpoint.go_down().await;
    }

    /// Takes connections again.
    ///
    /// # Panics
    ///
    /// When the port is lost.
    #[track_caller]
    pub fn come_up(&mut self) {
        self.endpoint.come_up();
    }

    fn publish(&self, keys: &Keys) {
        let keys: Vec<Value> = keys.keys.iter().map(|key| key.jwk()).collect();
        self.endpoint.publish(KEYS, HttpAnswer::keys(&keys));
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const KEYS: &str = "/jwks.json";
