//! Tokens for those who cannot see certificates: short, for one audience, and bound to the certificate of the connection.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_workload::PeerIdentity;
use kest_workload::protocol::{TokenAnswer, TokenRequest};
use serde_json::{Value, json};

use super::Authority;
use crate::error::{TokenError, Trouble};
use crate::jws;
use crate::telemetry::{self, Asked};

impl Authority {
    /// Issues an access token (RFC 9068) to the peer of a connection: `iss` is the trust domain as a URI, `sub` the SPIFFE id,
    /// and `cnf` names the certificate of the connection (RFC 8705 section 3.1).
    ///
    /// # Errors
    ///
    /// [`TokenError`]; each is logged and counted.
    pub async fn token(
        &self,
        peer: &PeerIdentity,
        request: &TokenRequest,
    ) -> Result<TokenAnswer, TokenError> {
        let issued = self.try_token(peer, request).await;
        match &issued {
            Ok(_token) => {}
            Err(TokenError::Trouble(trouble)) => telemetry::troubled(Asked::Token, trouble),
            Err(error) => telemetry::refused(Asked::Token, error.kind(), Some(peer.workload())),
        }
        issued
    }

    async fn try_token(
        &self,
        peer: &PeerIdentity,
        request: &TokenRequest,
    ) -> Result<TokenAnswer, TokenError> {
        let (audience, scope) = (request.audience.as_str(), request.scope.as_deref());
        if audience.is_empty() || audience.len() > MOST_AUDIENCE_BYTES || !audience.bytes().all(is_graphic) {
            return Err(TokenError::Audience);
        }
        if scope.is_some_and(|scope| !is_scope(scope)) {
            return Err(TokenError::Scope);
        }
        let is_granted = match &self.0.grants {
            Some(grants) => grants(peer.workload(), audience, scope),
            None => scope.is_none(),
        };
        if !is_granted {
            return Err(TokenError::NotGranted);
        }
        let epoch = self.living(peer).await??;
        let now = self.0.clock.unix_seconds();
        let left = peer.not_after().duration_since(self.0.clock.now()).unwrap_or_default();
        let life = self.0.token_life.as_secs().min(left.as_secs());
        let mut id = [0; 16];
        self.0.random.fill(&mut id).map_err(Trouble::Random)?;
        let set = self.0.keys.current();
        let mut claims = json!({
            "iss": format!("spiffe://{}", set.domain()),
            "sub": peer.workload().as_str(),
            "client_id": peer.workload().as_str(),
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(life),
            "jti": URL_SAFE_NO_PAD.encode(id),
            "epoch": epoch,
            "cnf": {"x5t#S256": URL_SAFE_NO_PAD.encode(peer.thumbprint())},
        });
        if let (Some(scope), Some(members)) = (scope, claims.as_object_mut()) {
            members.insert("scope".to_owned(), Value::from(scope));
        }
        let key = set.signing(self.now()).ok_or_else(|| Trouble::Issue("no key of tokens".into()))?;
        let access_token = jws::sign(key, "at+jwt", claims.to_string().as_bytes()).await?;
        telemetry::issued(Asked::Token, peer.workload(), epoch);
        Ok(TokenAnswer { access_token, token_type: "Bearer".to_owned(), expires_in: life })
    }
}

/// RFC 6749 section 3.3: tokens with one space between two.
fn is_scope(scope: &str) -> bool {
    let is_of_token = |byte| is_graphic(byte) && !matches!(byte, b'"' | b'\\');
    let is_token = |token: &str| !token.is_empty() && token.bytes().all(is_of_token);
    scope.len() <= MOST_SCOPE_BYTES && scope.split(' ').all(is_token)
}

fn is_graphic(byte: u8) -> bool {
    (0x21..=0x7e).contains(&byte)
}

/// A URL of a service.
const MOST_AUDIENCE_BYTES: usize = 512;

/// Some dozens of scopes.
const MOST_SCOPE_BYTES: usize = 1024;
