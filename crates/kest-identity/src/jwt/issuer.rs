//! The settings of one issuer whose tokens are believed, and the refusal of those that would not protect anything.

use std::sync::Arc;
use std::time::Duration;

use kest_core::{Clock, Limits, Random};

use crate::confirmation::Binding;
use crate::dpop::{Proofs, Requirement};
use crate::jwks::{FetchKeys, HttpKeys, KeyCache, KeysAtStart};
use crate::refresh::Schedule;
use crate::spiffe::{SCHEME, TrustDomain};

use super::kept::KeptClaims;
use super::token_type::TokenTypes;
use super::trusted::{Tenancy, Trusted};
use super::validation::{Expectations, Origin};
use super::{Algorithm, ClaimNames, ClaimPath, Grants, JwtBuildError};

/// An issuer whose tokens are believed, and what they must be like.
///
/// A token is proved by the keys of the issuer that it names, for the audiences of that issuer, by the rules of that
/// issuer: nothing that is said here about one issuer holds for another.
///
/// ```
/// use std::time::Duration;
/// use kest_identity::{Algorithm, ClaimNames, JwtAuthenticator, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let staff = TrustedIssuer::new("https://login.example")
///     .audience("https://orders.example/")
///     .tenant("staff");
/// let partners = TrustedIssuer::new("https://partner.example/realms/shop")
///     .jwks_uri("https://partner.example/realms/shop/certs")
///     .audience("orders")
///     .audience("https://orders.example/")
///     .algorithms([Algorithm::Es256])
///     .claims(ClaimNames::default().with_user("preferred_username"))
///     .accept_plain_jwt()
///     .token_life(Duration::from_secs(3600))
///     .tenant("partner");
/// let authenticator = JwtAuthenticator::builder().trust(staff).trust(partners).build()?;
/// # drop(authenticator);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TrustedIssuer {
    name: Arc<str>,
    profile: Profile,
    audiences: Vec<Arc<str>>,
    audience_claim: ClaimPath,
    required: Vec<(ClaimPath, Arc<str>)>,
    keys: Option<KeyOrigin>,
    plain_http: PlainHttp,
    algorithms: Vec<Algorithm>,
    types: TokenTypes,
    life: Life,
    claims: ClaimNames,
    grants: Option<Grants>,
    kept: KeptClaims,
    tenancy: Tenancy,
    dpop: Requirement,
    certificates: Requirement,
}

#[derive(Debug, Clone)]
enum KeyOrigin {
    Uri(String),
    Source(Arc<dyn FetchKeys>),
}

/// By which specification tokens are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    /// RFC 9068, or RFC 7519 alone.
    Oauth,
    /// SPIFFE's JWT-SVID.
    JwtSvid,
}

#[derive(Debug, Clone, Copy)]
enum PlainHttp {
    LoopbackOnly,
    Anywhere,
}

#[derive(Debug, Clone, Copy)]
enum Life {
    Bounded(Duration),
    Dangerous(Duration),
}

impl TrustedIssuer {
    /// The issuer whose tokens have exactly this `iss`, compared byte for byte.
    pub fn new(issuer: impl Into<Arc<str>>) -> Self {
        Self {
            name: issuer.into(),
            profile: Profile::Oauth,
            audiences: Vec::new(),
            audience_claim: "aud".into(),
            required: Vec::new(),
            keys: None,
            plain_http: PlainHttp::LoopbackOnly,
            algorithms: Algorithm::ALL.to_vec(),
            types: TokenTypes::default(),
            life: Life::Bounded(LONGEST_LIFE),
            claims: ClaimNames::default(),
            grants: None,
            kept: KeptClaims::default(),
            tenancy: Tenancy::None,
            dpop: Requirement::Off,
            certificates: Requirement::Off,
        }
    }

    /// The workloads of a SPIFFE trust domain, such as `example.org`, who come with JWT-SVIDs.
    ///
    /// The `sub` of a token must be the SPIFFE ID of a workload of that trust domain, and is the user; its `iss` says
    /// nothing, and need not be there. Keys are those for JWT-SVIDs in the bundle at [`jwks_uri`](Self::jwks_uri), which
    /// must be given. A token need not name its key. The issuer of the caller is `spiffe://` and the trust domain.
    ///
    /// ```
    /// use kest_identity::{JwtAuthenticator, TrustedIssuer};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let workloads = TrustedIssuer::spiffe("example.org")
    ///     .jwks_uri("https://spire.example.org/bundle.json")
    ///     .audience("spiffe://example.org/orders");
    /// let authenticator = JwtAuthenticator::builder().trust(workloads).build()?;
    /// # drop(authenticator);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spiffe(trust_domain: &str) -> Self {
        let name = trust_domain.strip_prefix(SCHEME).unwrap_or(trust_domain);
        let issuer = Self::new(format!("{SCHEME}{name}"));
        // JWT-SVID section 2.1 names these and no Edwards curve.
        let algorithms = Algorithm::ALL.into_iter().filter(|it| !Algorithm::EDWARDS.contains(it)).collect();
        Self { profile: Profile::JwtSvid, algorithms, ..issuer }
    }

    pub(super) fn named(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.name = issuer.into();
        self
    }

    /// A name of this service that `aud` must contain. At least one is required: a token for another service is no
    /// token for us. Where several are given, one of them is enough.
    pub fn audience(mut self, audience: impl Into<Arc<str>>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The claim that must contain an audience of ours, for an issuer whose access tokens have no `aud`, such as Cognito:
    /// there `client_id` is all that says for whom a token is. `aud` by default.
    pub fn audience_claim(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.audience_claim = claim.into();
        self
    }

    /// Refuses tokens whose `claim` is not exactly the string `value`, such as those of another kind, organisation or
    /// environment. May be said for several claims; all of them are required.
    pub fn require(mut self, claim: impl Into<ClaimPath>, value: impl Into<Arc<str>>) -> Self {
        self.required.push((claim.into(), value.into()));
        self
    }

    /// Where the issuer publishes its keys. By default its metadata say: see [`HttpKeys::discover`].
    pub fn jwks_uri(mut self, uri: impl Into<String>) -> Self {
        self.keys = Some(KeyOrigin::Uri(uri.into()));
        self
    }

    /// Takes the keys from another source, such as [`HttpKeys`] with a certificate authority of its own.
    pub fn keys_from(mut self, source: Arc<dyn FetchKeys>) -> Self {
        self.keys = Some(KeyOrigin::Source(source));
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

    /// Which scopes and roles of this issuer's tokens count. Where it is the only issuer that is trusted,
    /// [`Grants::all`] by default; where there are several, [`Grants::none`]: a name means what its issuer means by it.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Keeps these claims of verified tokens for handlers ([`Caller::claim`](kest_core::Caller::claim)) and policies
    /// (`subject.claims`). They are neither logged nor signed into entries. A token without one of them holds; one whose claim
    /// is over `Limits::token_claim_bytes` does not.
    pub fn keep_claims(mut self, names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.kept.add(names);
        self
    }

    /// Says at start what else shows first as a 403: beside other issuers, one grants nothing unless told otherwise.
    pub(super) fn say_that_it_grants_nothing(&self) {
        if self.grants.is_none() {
            tracing::warn!(
                issuer = &*self.name,
                mend = "say which of its scopes and roles count: TrustedIssuer::grants(..), or Grants::none() if none do",
                "several issuers are trusted, and this one grants nothing"
            );
        }
    }

    /// Also takes tokens of type `JWT` or of none, for an issuer that knows nothing of RFC 9068.
    ///
    /// Whatever else this issuer signs for this audience with those types is then taken for an access token, but for
    /// what tells itself apart: ID tokens by their `nonce`, `at_hash` or `c_hash`, and security events.
    pub fn accept_plain_jwt(mut self) -> Self {
        self.types = TokenTypes::PlainJwtToo;
        self
    }

    /// How long a token may live, from its `iat`, or else from now, until its `exp`; 24 h by default and at most.
    pub fn token_life(mut self, longest: Duration) -> Self {
        self.life = Life::Bounded(longest);
        self
    }

    /// Lets tokens live longer than 24 h: a stolen one is good for that long, since it cannot be taken back.
    pub fn dangerous_token_life(mut self, longest: Duration) -> Self {
        self.life = Life::Dangerous(longest);
        self
    }

    /// The tenant that this issuer speaks for. Replaces [`tenant_claim`](Self::tenant_claim).
    pub fn tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.tenancy = Tenancy::Fixed(tenant.into());
        self
    }

    /// The claim that names the tenant, for an issuer that speaks for several; every token must then have it.
    ///
    /// Such an issuer can name any tenant, also one that another issuer speaks for. Replaces
    /// [`tenant`](Self::tenant).
    pub fn tenant_claim(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.tenancy = Tenancy::Claim(claim.into());
        self
    }

    /// Whether tokens are bound to a key that their user proves to have with each request: RFC 9449. Off by default.
    pub fn dpop(mut self, requirement: Requirement) -> Self {
        self.dpop = requirement;
        self
    }

    /// Whether tokens are bound to the certificate of the connection that they come by: RFC 8705. Off by default.
    pub fn certificate_bound(mut self, requirement: Requirement) -> Self {
        self.certificates = requirement;
        self
    }

    pub(super) fn dpop_requirement(&self) -> Requirement {
        self.dpop
    }

    /// Fetches the keys over plain http even from another machine.
    ///
    /// Anyone on the way can then replace the keys, and with them every identity of this issuer.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.plain_http = PlainHttp::Anywhere;
        self
    }

    pub(super) fn build(self, common: &Common, proofs: &Arc<Proofs>) -> Result<Trusted, JwtBuildError> {
        let longest_life = self.check()?;
        self.kept.check(&common.limits)?;
        let (origin, types) = self.shape()?;
        let source = self.source(&common.limits)?;
        let schedule = Schedule::new(common.refresh_every, common.serve_stale_for, &common.limits)
            .with_random(Arc::clone(&common.random));
        Ok(Trusted {
            keys: KeyCache::new(source, Arc::clone(&self.name), Arc::clone(&common.clock), schedule),
            expectations: Expectations {
                issuer: self.name,
                origin,
                audience_claim: self.audience_claim,
                audiences: self.audiences,
                required: self.required,
                leeway: common.leeway,
                longest_life,
            },
            algorithms: self.algorithms,
            types,
            claims: self.claims,
            grants: self.grants.unwrap_or_else(|| common.grants.clone()),
            kept: self.kept,
            tenancy: self.tenancy,
            binding: Binding::new(self.dpop, self.certificates, Arc::clone(proofs)),
        })
    }

    fn check(&self) -> Result<Duration, JwtBuildError> {
        if self.name.is_empty() {
            return Err(JwtBuildError::NoIssuer);
        }
        if self.audiences.is_empty() || self.audiences.iter().any(|audience| audience.is_empty()) {
            return Err(JwtBuildError::NoAudience);
        }
        if self.algorithms.is_empty() {
            return Err(JwtBuildError::NoAlgorithm);
        }
        if self.tenancy.is_empty() {
            return Err(JwtBuildError::NoTenant);
        }
        let required = self.required.iter().map(|(claim, _)| claim);
        let mut named = required.chain([&self.audience_claim]);
        if self.claims.is_nameless() || named.any(ClaimPath::is_nameless) {
            return Err(JwtBuildError::NamelessClaim);
        }
        match self.life {
            Life::Bounded(longest) if longest > LONGEST_LIFE => Err(JwtBuildError::TokenLife(longest)),
            Life::Bounded(longest) | Life::Dangerous(longest) => Ok(longest),
        }
    }

    /// Where a token says from whom it is, and which types it may have.
    fn shape(&self) -> Result<(Origin, TokenTypes), JwtBuildError> {
        match self.profile {
            Profile::Oauth => Ok((Origin::Issuer, self.types)),
            Profile::JwtSvid if self.keys.is_none() => Err(JwtBuildError::NoKeys),
            Profile::JwtSvid => {
                let domain = TrustDomain::parse(&self.name).map_err(|_cause| JwtBuildError::TrustDomain)?;
                Ok((Origin::TrustDomain(domain), TokenTypes::Svids))
            }
        }
    }

    fn source(&self, limits: &Limits) -> Result<Arc<dyn FetchKeys>, JwtBuildError> {
        let keys = match &self.keys {
            Some(KeyOrigin::Source(source)) => return Ok(Arc::clone(source)),
            Some(KeyOrigin::Uri(uri)) => HttpKeys::at(uri.as_str()),
            None => HttpKeys::discover(&*self.name),
        };
        let keys = match self.plain_http {
            PlainHttp::LoopbackOnly => keys,
            PlainHttp::Anywhere => keys.dangerous_allow_http(),
        };
        let keys = match self.profile {
            Profile::Oauth => keys,
            Profile::JwtSvid => keys.spiffe_bundle(),
        };
        Ok(Arc::new(keys.limits(limits.clone()).build()?))
    }
}

/// What all issuers of an authenticator have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) grants: Grants,
    pub(super) leeway: Duration,
    pub(super) refresh_every: Duration,
    pub(super) serve_stale_for: Duration,
    pub(super) at_start: KeysAtStart,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) limits: Limits,
}

const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
