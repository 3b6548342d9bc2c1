//! Collects the settings of a [`JwtAuthenticator`] and refuses those that would not protect anything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kest_core::{Clock, Limits, OsRandom, Random, SystemClock};

use crate::bearer::Schemes;
use crate::dpop::{DpopSettings, DpopSettingsError, Proofs, Requirement};
use crate::jwks::{FetchKeys, KeysAtStart};

use super::challenge::{ChallengeText, Challenges, Offer};
use super::issuer::Common;
use super::memory::TokenMemory;
use super::{
    Algorithm, ClaimNames, Grants, JwtAuthenticator, JwtBuildError, TrustedIssuer, WithoutToken,
    install_backend,
};

/// The settings of a [`JwtAuthenticator`].
///
/// One issuer can be described right here; for several, and for all that can be said about one, there is
/// [`trust`](Self::trust).
#[derive(Debug)]
#[must_use]
pub struct JwtAuthenticatorBuilder {
    described: Option<TrustedIssuer>,
    trusted: Vec<TrustedIssuer>,
    common: Common,
    without_token: WithoutToken,
    remembering: Remembering,
    dpop: DpopSettings,
    challenge: ChallengeText,
}

#[derive(Debug)]
enum Remembering {
    Verified,
    Nothing,
}

impl Default for JwtAuthenticatorBuilder {
    fn default() -> Self {
        Self {
            described: None,
            trusted: Vec::new(),
            common: Common {
                grants: Grants::all(),
                leeway: Duration::from_secs(5),
                refresh_every: Duration::from_secs(300),
                serve_stale_for: Duration::from_secs(3600),
                at_start: KeysAtStart::default(),
                clock: Arc::new(SystemClock),
                random: Arc::new(OsRandom),
                limits: Limits::default(),
            },
            without_token: WithoutToken::default(),
            remembering: Remembering::Verified,
            dpop: DpopSettings::default(),
            challenge: ChallengeText::default(),
        }
    }
}

impl JwtAuthenticatorBuilder {
    /// Believes the tokens of `issuer` as well. May be called once for each issuer.
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.trusted.push(issuer);
        self
    }

    /// Where the one issuer that is described here publishes its keys. By default its metadata say.
    pub fn jwks_uri(self, uri: impl Into<String>) -> Self {
        self.describe(|issuer| issuer.jwks_uri(uri))
    }

    /// Takes the keys from another source than HTTP; replaces the URI.
    pub fn keys_from(self, source: Arc<dyn FetchKeys>) -> Self {
        self.describe(|issuer| issuer.keys_from(source))
    }

    /// The `iss` that tokens must have, compared byte for byte.
    pub fn issuer(self, issuer: impl Into<Arc<str>>) -> Self {
        self.describe(|described| described.named(issuer))
    }

    /// A name of this service that `aud` must contain. At least one is required: a token for another service is no
    /// token for us.
    pub fn audience(self, audience: impl Into<Arc<str>>) -> Self {
        self.describe(|issuer| issuer.audience(audience))
    }

    /// The algorithms that tokens may be signed with; all of [`Algorithm::ALL`] by default.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.describe(|issuer| issuer.algorithms(algorithms))
    }

    /// The names of the claims that say who is calling.
    pub fn claims(self, claims: ClaimNames) -> Self {
        self.describe(|issuer| issuer.claims(claims))
    }

    /// Which scopes and roles of this issuer's tokens count: see [`TrustedIssuer::grants`].
    pub fn grants(self, grants: Grants) -> Self {
        self.describe(|issuer| issuer.grants(grants))
    }

    /// Which claims handlers and policies may see: see [`TrustedIssuer::keep_claims`].
    ///
    /// ```
    /// # fn example(caller: &kest_core::Caller) -> Result<(), kest_identity::JwtBuildError> {
    /// let jwt = kest_identity::JwtAuthenticator::builder()
    ///     .issuer("https://issuer.example")
    ///     .audience("shop")
    ///     .keep_claims(["tenant_plan"])
    ///     .build()?;
    /// let gold = caller.claim("tenant_plan").is_some_and(|plan| plan.as_text() == Some("gold"));
    /// # drop((jwt, gold));
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_claims(self, names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.describe(|issuer| issuer.keep_claims(names))
    }

    /// Also takes tokens of type `JWT` or of none: see [`TrustedIssuer::accept_plain_jwt`].
    pub fn accept_plain_jwt(self) -> Self {
        self.describe(TrustedIssuer::accept_plain_jwt)
    }

    /// Whether tokens are bound to a key that their user proves to have: see [`TrustedIssuer::dpop`].
    pub fn dpop(self, requirement: Requirement) -> Self {
        self.describe(|issuer| issuer.dpop(requirement))
    }

    /// Whether tokens are bound to the certificate of the connection: see [`TrustedIssuer::certificate_bound`].
    pub fn certificate_bound(self, requirement: Requirement) -> Self {
        self.describe(|issuer| issuer.certificate_bound(requirement))
    }

    /// Fetches keys over plain http even from another machine.
    ///
    /// Anyone on the way can then replace the keys, and with them every identity.
    pub fn dangerous_allow_http(self) -> Self {
        self.describe(TrustedIssuer::dangerous_allow_http)
    }

    fn describe(mut self, change: impl FnOnce(TrustedIssuer) -> TrustedIssuer) -> Self {
        self.described = Some(change(self.described.unwrap_or_else(|| TrustedIssuer::new(""))));
        self
    }

    /// How far the issuers' clocks may be off, at most 60 s; 5 s by default.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.common.leeway = leeway;
        self
    }

    /// How often keys are fetched again; 300 s by default. A key that was taken back stays good for this long.
    pub fn refresh_every(mut self, period: Duration) -> Self {
        self.common.refresh_every = period;
        self
    }

    /// How long keys are used while they cannot be fetched again; 3600 s by default.
    pub fn serve_stale_for(mut self, period: Duration) -> Self {
        self.common.serve_stale_for = period;
        self
    }

    /// What [`start`](JwtAuthenticator::start) does when keys cannot be had; it fails by default.
    pub fn keys_at_start(mut self, behaviour: KeysAtStart) -> Self {
        self.common.at_start = behaviour;
        self
    }

    /// The clock that tokens and keys age by.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.common.clock = clock;
        self
    }

    /// Where randomness comes from, which spreads the fetches of many replicas; the operating system by default.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.common.random = random;
        self
    }

    /// The bounds of tokens, key sets and waiting.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.common.limits = limits;
        self
    }

    /// What to make of a request without an `Authorization` header; it is refused by default.
    pub fn without_token(mut self, behaviour: WithoutToken) -> Self {
        self.without_token = behaviour;
        self
    }

    /// Checks every signature each time. By default a token that was verified is recognised until it expires or its
    /// key is withdrawn.
    pub fn remember_no_tokens(mut self) -> Self {
        self.remembering = Remembering::Nothing;
        self
    }

    /// What proofs of possession must be like, whichever issuer bound the token. Required where some issuer's tokens may be
    /// bound, since only [`DpopSettings::origins`] tell proofs for this service from others.
    pub fn dpop_settings(mut self, settings: DpopSettings) -> Self {
        self.dpop = settings;
        self
    }

    /// The `realm` that challenges name: RFC 9110 section 11.5. None by default.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.challenge.realm = Some(realm.into());
        self
    }

    /// Where the metadata of this service is found, for challenges to tell: RFC 9728 section 5.1. None by default.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.challenge.resource_metadata = Some(url.into());
        self
    }

    /// Checks the settings and makes the authenticator. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// [`JwtBuildError`] names the setting that is missing or wrong.
    pub fn build(mut self) -> Result<JwtAuthenticator, JwtBuildError> {
        self.check_times()?;
        if self.trusted.len() + usize::from(self.described.is_some()) > 1 {
            self.common.grants = Grants::none();
            self.described.iter().chain(&self.trusted).for_each(TrustedIssuer::say_that_it_grants_nothing);
        }
        let Common { clock, random, limits, .. } = &self.common;
        let trusted: Vec<_> = self.described.into_iter().chain(self.trusted).collect();
        let proofs_are_taken = trusted.iter().any(|it| it.dpop_requirement() != Requirement::Off);
        if proofs_are_taken && !self.dpop.tell_services_apart() {
            return Err(DpopSettingsError::NoOrigins.into());
        }
        let proofs = Arc::new(Proofs::new(self.dpop, clock, random.as_ref(), limits)?);
        let offers = offers(&trusted, &proofs);
        let mut issuers = HashMap::new();
        for issuer in trusted {
            let issuer = issuer.build(&self.common, &proofs)?;
            let name = Arc::clone(&issuer.expectations.issuer);
            if issuers.insert(name, Arc::new(issuer)).is_some() {
                return Err(JwtBuildError::DoubledIssuer);
            }
        }
        if issuers.is_empty() {
            return Err(JwtBuildError::NoIssuer);
        }
        install_backend();
        let memory = match self.remembering {
            Remembering::Verified => TokenMemory::new(&self.common.limits),
            Remembering::Nothing => TokenMemory::off(),
        };
        let with_dpop = offers.iter().any(|offer| matches!(offer, Offer::Dpop(_)));
        Ok(JwtAuthenticator {
            schemes: if with_dpop { Schemes::BearerAndDpop } else { Schemes::BearerOnly },
            challenges: Challenges::new(&offers, &self.challenge)?,
            issuers,
            memory,
            at_start: self.common.at_start,
            clock: self.common.clock,
            limits: self.common.limits,
            without_token: self.without_token,
        })
    }

    fn check_times(&self) -> Result<(), JwtBuildError> {
        let Common { leeway, refresh_every, serve_stale_for, .. } = self.common;
        if leeway > MOST_LEEWAY {
            return Err(JwtBuildError::Leeway(leeway));
        }
        if refresh_every.is_zero() || serve_stale_for < refresh_every {
            return Err(JwtBuildError::Refresh);
        }
        Ok(())
    }
}

/// The schemes that some issuer's tokens may be presented with.
fn offers(trusted: &[TrustedIssuer], proofs: &Proofs) -> Vec<Offer> {
    let some = |matches: fn(Requirement) -> bool| trusted.iter().any(|it| matches(it.dpop_requirement()));
    let bearer = some(|it| it != Requirement::Required).then_some(Offer::Bearer);
    let dpop = some(|it| it != Requirement::Off).then(|| Offer::Dpop(proofs.algorithm_names()));
    bearer.into_iter().chain(dpop).collect()
}

const MOST_LEEWAY: Duration = Duration::from_secs(60);

#[cfg(test)]
#[path = "builder/tests.rs"]
mod tests;
