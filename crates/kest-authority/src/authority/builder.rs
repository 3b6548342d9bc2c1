//! What is said of an authority before it begins.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use kest_core::{Clock, OsRandom, Random, SystemClock};
use kest_identity::SpiffeId;
use kest_workload::{OwnCertificate, PeerTrust};

use super::TokenSource;
use super::state::{Authority, Grants, Held, Own};
use super::upkeep::own_certificate;
use crate::error::{StartError, Trouble};
use crate::keys::AuthorityKeys;
use crate::store::Store;

/// Makes an [`Authority`].
pub struct AuthorityBuilder {
    keys: AuthorityKeys,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    certificate_life: Duration,
    token_life: Duration,
    workload_url: String,
    sources: Vec<TokenSource>,
    grants: Option<Arc<Grants>>,
    look_every: Duration,
}

impl AuthorityBuilder {
    pub(super) fn new(keys: AuthorityKeys, store: Arc<dyn Store>) -> Self {
        Self {
            keys,
            store,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            certificate_life: Duration::from_secs(3600),
            token_life: Duration::from_secs(300),
            workload_url: String::new(),
            sources: Vec::new(),
            grants: None,
            look_every: LOOK_EVERY,
        }
    }

    /// Where the workload listener is, as services are told: `https://authority.internal:8444`.
    #[must_use]
    pub fn workload_url(mut self, url: impl Into<String>) -> Self {
        self.workload_url = url.into();
        self
    }

    /// Certificates live this long, in the place of an hour; a day at most, or what the keys were made for.
    #[must_use]
    pub fn certificate_life(mut self, life: Duration) -> Self {
        self.certificate_life = life;
        self
    }

    /// Tokens live this long, in the place of five minutes; an hour at most.
    #[must_use]
    pub fn token_life(mut self, life: Duration) -> Self {
        self.token_life = life;
        self
    }

    /// Enrols by tokens of this source, too. Of several the first that believes a token maps it.
    #[must_use]
    pub fn tokens_from(mut self, source: TokenSource) -> Self {
        self.sources.push(source);
        self
    }

    /// Says who may have a token for which audience and scope, in the place of any audience and no scope.
    ///
    /// What a token says, services may grant by: a workload that could choose its scope would choose what it may do.
    #[must_use]
    pub fn grant_tokens(
        mut self,
        grants: impl Fn(&SpiffeId, &str, Option<&str>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.grants = Some(Arc::new(grants));
        self
    }

    /// Looks this often for keys that an operator replaced, and tidies up; every 10 s by default.
    #[must_use]
    pub fn look_every(mut self, period: Duration) -> Self {
        self.look_every = period;
        self
    }

    /// Goes by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes random bytes from here; keys of certificates come from the cryptography library.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Publishes the keys and begins.
    ///
    /// # Errors
    ///
    /// [`StartError`] for a life that is too long, and when the store does not take the keys.
    pub async fn start(self) -> Result<Authority, StartError> {
        let longest = Duration::from_millis(self.keys.current().longest_life());
        if !(Duration::from_secs(1)..=longest).contains(&self.certificate_life) {
            return Err(StartError::CertificateLife);
        }
        if !(Duration::from_secs(1)..=MOST_TOKEN_LIFE).contains(&self.token_life) {
            return Err(StartError::TokenLife);
        }
        let own = own(&self)?;
        let authority = Authority(Arc::new(Held {
            keys: self.keys,
            store: self.store,
            clock: self.clock,
            random: self.random,
            certificate_life: self.certificate_life,
            token_life: self.token_life,
            workload_url: self.workload_url,
            sources: self.sources,
            grants: self.grants,
            own,
            bundle: ArcSwapOption::empty(),
            look_every: self.look_every,
            upkeep: tokio::sync::Mutex::new(()),
        }));
        authority.keep_up_now().await?;
        Ok(authority)
    }
}

impl fmt::Debug for AuthorityBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuthorityBuilder").field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn own(builder: &AuthorityBuilder) -> Result<Own, Trouble> {
    let set = builder.keys.current();
    let now = builder.clock.unix_millis();
    let own = own_certificate(&set, now, &*builder.random)?;
    let issue = |cause: kest_core::BoxError| Trouble::Issue(cause);
    let roots: Vec<Vec<u8>> = set.live_roots(now).iter().map(|root| root.certificate().to_vec()).collect();
    Ok(Own {
        certificate: OwnCertificate::new(&own.chain, &own.key).map_err(|cause| issue(cause.into()))?,
        trust: PeerTrust::new(set.domain().clone(), &roots).map_err(|cause| issue(cause.into()))?,
        renew_at: AtomicU64::new(own.renew_at),
        root_pin: ArcSwap::from_pointee(own.root_pin),
    })
}

/// A token cannot be called back; its epoch can.
const MOST_TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// A key that an operator replaced waits for its overlap, which is far longer.
const LOOK_EVERY: Duration = Duration::from_secs(10);
