//! Collects the settings of a [`JwtAuthenticator`] and refuses those that would not protect anything.

use std::sync::Arc;
use std::time::Duration;

use kest_core::{Clock, Limits, SystemClock};

use crate::jwks::{FetchKeys, HttpKeys, HttpKeysError, KeyCache, Schedule};

use super::validation::Expectations;
use super::{Algorithm, ClaimNames, JwtAuthenticator, WithoutToken, install_backend};

/// The settings of a [`JwtAuthenticator`].
#[derive(Debug)]
#[must_use]
pub struct JwtAuthenticatorBuilder {
    keys: Option<KeyOrigin>,
    plain_http: PlainHttp,
    issuer: Option<Arc<str>>,
    audience: Option<Arc<str>>,
    algorithms: Vec<Algorithm>,
    claims: ClaimNames,
    leeway: Duration,
    refresh_every: Duration,
    serve_stale_for: Duration,
    clock: Arc<dyn Clock>,
    limits: Limits,
    without_token: WithoutToken,
}

#[derive(Debug)]
enum KeyOrigin {
    Uri(String),
    Source(Arc<dyn FetchKeys>),
}

#[derive(Debug)]
enum PlainHttp {
    LoopbackOnly,
    Anywhere,
}

impl Default for JwtAuthenticatorBuilder {
    fn default() -> Self {
        Self {
            keys: None,
            plain_http: PlainHttp::LoopbackOnly,
            issuer: None,
            audience: None,
            algorithms: Algorithm::ALL.to_vec(),
            claims: ClaimNames::default(),
            leeway: Duration::from_secs(5),
            refresh_every: Duration::from_secs(300),
            serve_stale_for: Duration::from_secs(3600),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            without_token: WithoutToken::default(),
        }
    }
}

impl JwtAuthenticatorBuilder {
    /// Where the issuer publishes its keys. Required, unless [`keys_from`](Self::keys_from) is used.
    pub fn jwks_uri(mut self, uri: impl Into<String>) -> Self {
        self.keys = Some(KeyOrigin::Uri(uri.into()));
        self
    }

    /// Takes the keys from another source than HTTP; replaces the URI.
    pub fn keys_from(mut self, source: Arc<dyn FetchKeys>) -> Self {
        self.keys = Some(KeyOrigin::Source(source));
        self
    }

    /// The `iss` that tokens must have, compared byte for byte. Required.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The name of this service that `aud` must contain. Required: a token for another service is no token for us.
    pub fn audience(mut self, audience: impl Into<Arc<str>>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The algorithms that tokens may be signed with; all of [`Algorithm::ALL`] by default.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// The names of the claims that say who is calling.
    pub fn claims(mut self, claims: ClaimNames) -> Self {
        self.claims = claims;
        self
    }

    /// How far the issuer's clock may be off, at most 60 s; 5 s by default.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How often keys are fetched again; 300 s by default. A key that was taken back stays good for this long.
    pub fn refresh_every(mut self, period: Duration) -> Self {
        self.refresh_every = period;
        self
    }

    /// How long keys are used while they cannot be fetched again; 3600 s by default.
    pub fn serve_stale_for(mut self, period: Duration) -> Self {
        self.serve_stale_for = period;
        self
    }

    /// The clock that tokens and keys age by.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The bounds of tokens, key sets and waiting.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What to make of a request without an `Authorization` header; it is refused by default.
    pub fn without_token(mut self, behaviour: WithoutToken) -> Self {
        self.without_token = behaviour;
        self
    }

    /// Fetches keys over plain http even from another machine.
    ///
    /// Whoever sits on the way can then replace the keys, and with them every identity.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.plain_http = PlainHttp::Anywhere;
        self
    }

    /// Checks the settings and makes the authenticator. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// [`JwtBuildError`] names the setting that is missing or wrong.
    pub fn try_build(self) -> Result<JwtAuthenticator, JwtBuildError> {
        self.check_times()?;
        let issuer = self.issuer.filter(|issuer| !issuer.is_empty()).ok_or(JwtBuildError::NoIssuer)?;
        let audience =
            self.audience.filter(|audience| !audience.is_empty()).ok_or(JwtBuildError::NoAudience)?;
        if self.algorithms.is_empty() {
            return Err(JwtBuildError::NoAlgorithm);
        }
        let source = match (self.keys.ok_or(JwtBuildError::NoKeys)?, self.plain_http) {
            (KeyOrigin::Source(source), _) => source,
            (KeyOrigin::Uri(uri), PlainHttp::LoopbackOnly) => Arc::new(HttpKeys::new(&uri, &self.limits)?),
            (KeyOrigin::Uri(uri), PlainHttp::Anywhere) => {
                Arc::new(HttpKeys::dangerous_allow_http(&uri, &self.limits)?)
            }
        };
        install_backend();
        let schedule = Schedule::new(self.refresh_every, self.serve_stale_for, &self.limits);
        Ok(JwtAuthenticator {
            keys: KeyCache::new(source, Arc::clone(&self.clock), schedule),
            expectations: Expectations { issuer, audience, leeway: self.leeway },
            algorithms: self.algorithms,
            claims: self.claims,
            clock: self.clock,
            limits: self.limits,
            without_token: self.without_token,
        })
    }

    fn check_times(&self) -> Result<(), JwtBuildError> {
        if self.leeway > MOST_LEEWAY {
            return Err(JwtBuildError::Leeway(self.leeway));
        }
        if self.refresh_every.is_zero() || self.serve_stale_for < self.refresh_every {
            return Err(JwtBuildError::Refresh);
        }
        Ok(())
    }
}

/// The settings of a JWT authenticator are incomplete or unsafe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtBuildError {
    /// Nothing says where the keys are.
    #[error("no key set is given: add `.jwks_uri(..)`")]
    NoKeys,
    /// Nothing says whose tokens are believed.
    #[error("no issuer is given: add `.issuer(..)`")]
    NoIssuer,
    /// Nothing says for whom tokens must be.
    #[error("no audience is given: add `.audience(..)`")]
    NoAudience,
    /// The list of allowed algorithms is empty.
    #[error("no signature algorithm is allowed")]
    NoAlgorithm,
    /// Expired tokens would be good for too long.
    #[error("leeway is over 60 s: {0:?}")]
    Leeway(Duration),
    /// Keys must be refreshed, and at least once before they are dropped.
    #[error("keys are refreshed never or later than they are dropped")]
    Refresh,
    /// The key set's URI cannot be used.
    #[error("key set cannot be fetched from there")]
    Keys(#[from] HttpKeysError),
}

const MOST_LEEWAY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> JwtAuthenticatorBuilder {
        JwtAuthenticator::builder().jwks_uri("https://issuer.example/k").issuer("https://i").audience("us")
    }

    #[test]
    fn complete_settings_are_accepted() {
        let authenticator = complete().leeway(MOST_LEEWAY).try_build().unwrap();
        assert_eq!(authenticator.fetches(), 0);
    }

    #[test]
    fn incomplete_or_unsafe_settings_are_refused() {
        let missing = JwtAuthenticator::builder;
        let refused = |builder: JwtAuthenticatorBuilder| builder.try_build().unwrap_err();
        assert!(matches!(refused(missing().issuer("i").audience("us")), JwtBuildError::NoKeys));
        assert!(matches!(refused(missing().jwks_uri("https://i").audience("us")), JwtBuildError::NoIssuer));
        assert!(matches!(refused(missing().jwks_uri("https://i").issuer("i")), JwtBuildError::NoAudience));
        assert!(matches!(refused(complete().issuer("")), JwtBuildError::NoIssuer));
        assert!(matches!(refused(complete().audience("")), JwtBuildError::NoAudience));
        assert!(matches!(refused(complete().algorithms([])), JwtBuildError::NoAlgorithm));
        assert!(matches!(refused(complete().leeway(Duration::from_secs(61))), JwtBuildError::Leeway(_)));
        assert!(matches!(refused(complete().refresh_every(Duration::ZERO)), JwtBuildError::Refresh));
        assert!(matches!(
            refused(complete().serve_stale_for(Duration::from_secs(1))),
            JwtBuildError::Refresh
        ));
        assert!(matches!(refused(complete().jwks_uri("http://issuer.example/")), JwtBuildError::Keys(_)));
        assert!(complete().jwks_uri("http://issuer.example/").dangerous_allow_http().try_build().is_ok());
    }
}
