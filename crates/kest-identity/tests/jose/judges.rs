//! What a judge says about a token, and what our own says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use kest_core::{AuthenticateError, Caller, Evidence, Limits, Lineage, authenticate};
use kest_identity::{BindingError, FetchError, FetchKeys, InvalidToken, JwtAuthenticator, KeySet};
use kest_testkit::TestClock;
use serde_json::Value;

use crate::issuer::{AUDIENCE, ISSUER, LEEWAY, NOW};

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Accepted(Findings),
    /// With the kind of the error, in the words of the judge.
    Refused(String),
}

/// The claims that matter to a service.
#[derive(Debug, PartialEq)]
pub(crate) struct Findings {
    pub(crate) user: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expiry_micros: Option<u128>,
}

/// Our own judge.
pub(crate) struct Ours(JwtAuthenticator);

impl Ours {
    pub(crate) async fn new(key_set: &str) -> Self {
        let authenticator = JwtAuthenticator::builder()
            .keys_from(Arc::new(Published(key_set.into())))
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .leeway(Duration::from_secs(LEEWAY))
            .clock(Arc::new(TestClock::at(NOW)))
            .remember_no_tokens()
            .build()
            .unwrap();
        authenticator.start().await.unwrap();
        Self(authenticator)
    }

    pub(crate) async fn judge(&self, token: &str) -> Verdict {
        let authorization = format!("Bearer {token}");
        let evidence = Evidence::new(&Lineage::Absent).with_authorization([authorization.as_bytes()]);
        match authenticate(&self.0, &evidence).await {
            Ok(caller) => Verdict::Accepted(Findings::of_caller(&caller)),
            Err(AuthenticateError::Invalid(cause)) => {
                let kind = cause.downcast_ref().map(InvalidToken::kind);
                let kind = kind.or_else(|| cause.downcast_ref().map(BindingError::kind));
                Verdict::Refused(kind.unwrap().into())
            }
            Err(error) => panic!("no judgement: {error:?}"),
        }
    }
}

impl Findings {
    fn of_caller(caller: &Caller) -> Self {
        let expiry = caller.expires_at().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self {
            user: caller.user().map(str::to_owned),
            agent: caller.agent().map(str::to_owned),
            scopes: caller.scopes().iter().map(|scope| (**scope).to_owned()).collect(),
            expiry_micros: Some(expiry.as_micros()),
        }
    }

    /// The same, from the claims as another reader found them.
    pub(crate) fn of_claims(claims: &Value) -> Self {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let actor = claims.get("act").and_then(|act| text(act.get("sub").unwrap_or(&act["client_id"])));
        let client = || text(&claims["client_id"]).or_else(|| text(&claims["azp"]));
        let scopes: BTreeSet<_> = match claims["scope"].as_array() {
            Some(scopes) => scopes.iter().filter_map(text).filter(|scope| !scope.contains(' ')).collect(),
            None => claims["scope"].as_str().unwrap_or_default().split(' ').map(str::to_owned).collect(),
        };
        // What is no time differs from every time that ours accepts.
        let expiry = claims["exp"].as_f64().and_then(|exp| Duration::try_from_secs_f64(exp).ok());
        Self {
            user: text(&claims["sub"]),
            agent: actor.or_else(client),
            scopes: scopes.into_iter().filter(|scope| !scope.is_empty()).collect(),
            expiry_micros: expiry.map(|expiry| expiry.as_micros()),
        }
    }
}

#[derive(Debug)]
struct Published(String);

#[async_trait]
impl FetchKeys for Published {
    async fn fetch(&self) -> Result<KeySet, FetchError> {
        KeySet::from_json(self.0.as_bytes(), &Limits::default()).map_err(FetchError::NotAKeySet)
    }
}
