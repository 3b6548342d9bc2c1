//! Believes everybody, says so loudly, and marks whatever it makes.

use async_trait::async_trait;
use kest_core::{
    Attested, Authenticate, AuthenticateError, Credentials, Evidence, FromLineage, IdentitySource, Limits,
    authenticate,
};
use serde_json::Value;

use crate::bearer::{self, Schemes};
use crate::jwt::{ClaimNames, Grants, Parts, decode_part};

/// Takes identity from the bearer token without verifying it, else from the lineage, else it names no one.
///
/// For development only: every caller can claim to be anybody. Signature, issuer, audience and times are ignored; a
/// token that cannot be read is still refused. Every identity is [`IdentitySource::Unverified`].
#[derive(Debug)]
pub struct InsecureIdentity {
    claims: ClaimNames,
    limits: Limits,
}

impl InsecureIdentity {
    /// Switches verification off, and warns about it in the log.
    #[must_use]
    pub fn dangerous_new() -> Self {
        tracing::warn!("callers are NOT verified: anybody can claim to be anybody; for development only");
        Self { claims: ClaimNames::default(), limits: Limits::default() }
    }

    /// The names of the claims that say who is calling.
    #[must_use]
    pub fn with_claims(mut self, claims: ClaimNames) -> Self {
        self.claims = claims;
        self
    }

    /// The bounds of a token.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    fn believe(&self, token: &str) -> Result<Attested, AuthenticateError> {
        let claims = decode_part(Parts::split(token, &self.limits)?.payload, &self.limits)?;
        let attested =
            self.claims.attested(&claims, IdentitySource::Unverified, &Grants::all(), &self.limits)?;
        Ok(match claims.get("iss").and_then(Value::as_str) {
            Some(issuer) => attested.with_issuer(issuer),
            None => attested,
        })
    }
}

#[async_trait]
impl Authenticate for InsecureIdentity {
    fn presents(&self, credentials: &Credentials<'_>) -> bool {
        !credentials.authorization().is_empty()
    }

    async fn attest_credentials(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Attested>, AuthenticateError> {
        let credential = bearer::credential(credentials, Schemes::BearerOnly, &self.limits)?;
        credential.map(|credential| self.believe(credential.token)).transpose()
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        if let Some(attested) = self.attest_credentials(evidence.credentials()).await? {
            return Ok(attested);
        }
        let inherited = authenticate(&FromLineage, evidence).await?;
        let mut attested = Attested::new(inherited.identity().clone(), IdentitySource::Unverified);
        if let Some(issuer) = inherited.issuer() {
            attested = attested.with_issuer(issuer);
        }
        if let Some(tenant) = inherited.tenant() {
            attested = attested.with_tenant(tenant);
        }
        Ok(attested)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use kest_core::{Caller, Lineage};

    use super::*;

    async fn ask(authorization: &[&str]) -> Result<Caller, AuthenticateError> {
        let values = authorization.iter().map(|value| value.as_bytes());
        let evidence = Evidence::new(&Lineage::Absent).with_authorization(values);
        authenticate(&InsecureIdentity::dangerous_new(), &evidence).await
    }

    fn bearer(payload: &str) -> String {
        format!("Bearer e30.{}.", URL_SAFE_NO_PAD.encode(payload))
    }

    #[tokio::test]
    async fn token_is_believed_and_marked_unverified() {
        let caller = ask(&[&bearer(r#"{"sub":"u","azp":"a","scope":"s","iss":"i","exp":1}"#)]).await.unwrap();
        assert_eq!((caller.user(), caller.agent(), caller.task()), (Some("u"), Some("a"), Some("s")));
        assert_eq!((caller.issuer(), caller.source()), (Some("i"), IdentitySource::Unverified));
    }

    #[tokio::test]
    async fn nobody_is_marked_unverified_too() {
        let caller = ask(&[]).await.unwrap();
        assert_eq!((caller.user(), caller.source()), (None, IdentitySource::Unverified));
    }

    #[tokio::test]
    async fn malformed_credentials_are_refused_all_the_same() {
        let good = bearer(r#"{"sub":"u"}"#);
        let twice = bearer(r#"{"sub":"u","sub":"v"}"#);
        for values in [
            vec!["Basic dTpw"],
            vec!["Bearer "],
            vec!["bearer e30.e30."],
            vec!["Bearer e30.e30"],
            vec!["Bearer e30.e30.."],
            vec!["Bearer e30.W10."],
            vec!["Bearer e30.e30."],
            vec![&twice],
            vec![&good, &good],
        ] {
            assert!(matches!(ask(&values).await, Err(AuthenticateError::Invalid(_))), "{values:?}");
        }
    }
}
