//! Checks proofs of possession against requests: RFC 9449 section 4.3, checks 8 to 12, and that each is used once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::replay::{InMemoryReplays, Novelty, ReplayId, ReplayStoreError};
use kest_core::{Clock, Credentials, Limits, Random, ReplayStore, Share};
use sha2::{Digest, Sha256};

use crate::jwt::{Algorithm, install_backend};

use super::htu::{self, Origin};
use super::nonce::NonceIssuer;
use super::proof::SignedProof;
use super::settings::Nonces;
use crate::confirmation::{BindingError, InvalidProof};
use crate::mtls::are_same;

use super::{DpopSettings, DpopSettingsError};

/// The checks of proofs by one configuration; one value serves all issuers of an authenticator.
#[derive(Debug)]
pub(crate) struct Proofs {
    origins: Vec<Origin>,
    algorithms: Vec<Algorithm>,
    window: Duration,
    leeway: Duration,
    nonces: Option<NonceIssuer>,
    replays: Arc<dyn ReplayStore>,
    limits: Limits,
}

/// A token that holds.
#[derive(Clone, Copy)]
pub(crate) struct BoundToken<'request> {
    pub(crate) token: &'request str,
    /// The thumbprint of the key that it is bound to.
    pub(crate) key: &'request str,
    /// On whose account its proofs are remembered.
    pub(crate) share: Share,
}

impl Proofs {
    /// Checks `settings`, and makes a secret for nonces where they are asked for and none was given.
    pub(crate) fn new(
        settings: DpopSettings,
        clock: &Arc<dyn Clock>,
        random: &dyn Random,
        limits: &Limits,
    ) -> Result<Self, DpopSettingsError> {
        let memory = check_memory(&settings);
        let origins = settings.origins.map_or(Some(Vec::new()), |named| origins(&named));
        if settings.algorithms.is_empty() {
            return Err(DpopSettingsError::NoAlgorithm);
        }
        if settings.window > MOST_WINDOW {
            return Err(DpopSettingsError::Window(settings.window));
        }
        if settings.leeway > MOST_LEEWAY {
            return Err(DpopSettingsError::Leeway(settings.leeway));
        }
        memory?;
        install_backend();
        let in_memory =
            || -> Arc<dyn ReplayStore> { Arc::new(InMemoryReplays::with_clock(limits, Arc::clone(clock))) };
        Ok(Self {
            origins: origins.ok_or(DpopSettingsError::Origin)?,
            algorithms: settings.algorithms,
            window: settings.window,
            leeway: settings.leeway,
            nonces: nonces(settings.nonces, settings.window, random)?,
            replays: settings.replays.unwrap_or_else(in_memory),
            limits: limits.clone(),
        })
    }

    /// The algorithms for the parameter `algs` of a challenge, separated by blanks: RFC 9449 section 7.1.
    pub(crate) fn algorithm_names(&self) -> String {
        let names: Vec<_> = self.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
        names.join(" ")
    }

    /// Checks that the request of `credentials` comes, at `unix_millis`, from the owner of the key that the token is
    /// bound to.
    pub(crate) async fn check(
        &self,
        bound: BoundToken<'_>,
        credentials: &Credentials<'_>,
        unix_millis: u64,
    ) -> Result<(), BindingError> {
        let target = credentials.target().ok_or(BindingError::NoTarget)?;
        let proof = SignedProof::open(credentials.dpop(), &self.algorithms, &self.limits)?;
        if proof.method != target.method() {
            return Err(InvalidProof::Method.into());
        }
        if !htu::is_for(&proof.address, target, &self.origins) {
            return Err(InvalidProof::Address.into());
        }
        let holds_until = self.check_moment(&proof, unix_millis)?;
        if !are_same(&proof.token_digest, &URL_SAFE_NO_PAD.encode(Sha256::digest(bound.token))) {
            return Err(InvalidProof::AnotherToken.into());
        }
        if !are_same(&proof.thumbprint, bound.key) {
            return Err(InvalidProof::AnotherKey.into());
        }
        // Last: what does not hold for another reason takes up no memory, and no caller can use up the proof of another.
        self.use_once(&proof, bound.share, holds_until, unix_millis).await
    }

    /// Until when the proof holds. RFC 9449 section 4.3, check 11: when it was made is told by a nonce of ours where one
    /// is asked for, however wrong the client's clock, and else by `iat`.
    fn check_moment(&self, proof: &SignedProof, unix_millis: u64) -> Result<Duration, BindingError> {
        let Some(nonces) = &self.nonces else {
            return Ok(self.check_age(proof, unix_millis)?);
        };
        let live_until = proof.nonce.as_deref().and_then(|nonce| nonces.live_until(nonce, unix_millis));
        live_until.ok_or_else(|| BindingError::Nonce(nonces.current(unix_millis)))
    }

    fn check_age(&self, proof: &SignedProof, unix_millis: u64) -> Result<Duration, InvalidProof> {
        let now = Duration::from_millis(unix_millis);
        if proof.issued > now.saturating_add(self.leeway) {
            return Err(InvalidProof::Future);
        }
        let until = proof.issued.saturating_add(self.window);
        if until < now { Err(InvalidProof::Stale) } else { Ok(until) }
    }

    async fn use_once(
        &self,
        proof: &SignedProof,
        share: Share,
        holds_until: Duration,
        unix_millis: u64,
    ) -> Result<(), BindingError> {
        // Under its key, so that strangers' identifiers never meet; and for all addresses, since no two proofs of one
        // key may share an identifier.
        let id = ReplayId::of([b"dpop", proof.thumbprint.as_bytes(), proof.id.as_bytes()]);
        // Longer than it is good for by the leeway, for replicas whose clocks differ and share the store.
        let kept = holds_until.saturating_add(self.leeway);
        let expires_at = SystemTime::UNIX_EPOCH.checked_add(kept).ok_or(InvalidProof::Claim)?;
        match self.replays.insert_for(share, id, expires_at).await {
            Ok(Novelty::New) => Ok(()),
            Ok(Novelty::Seen) => Err(InvalidProof::Replayed.into()),
            Err(ReplayStoreError::Forgotten) => {
                Err(BindingError::Forgotten(self.nonces.as_ref().map(|nonces| nonces.current(unix_millis))))
            }
            Err(ReplayStoreError::ShareFull) => Err(BindingError::ShareUsedUp),
            // Also a life that the store does not expect: the caller cannot shorten it, only our settings can.
            Err(out_of_order) => Err(BindingError::Replays(out_of_order)),
        }
    }
}

/// A store that remembers too shortly would refuse good proofs: of a client whose clock is ahead first, where no nonce tells the time.
fn check_memory(settings: &DpopSettings) -> Result<(), DpopSettingsError> {
    let ahead = if matches!(settings.nonces, Nonces::Off) { settings.leeway } else { Duration::ZERO };
    let needed = settings.window.saturating_add(settings.leeway).saturating_add(ahead);
    match settings.replays.as_ref().and_then(|store| store.longest_life()) {
        Some(remembers) if remembers < needed => {
            Err(DpopSettingsError::ReplaysTooShort { remembers, needed })
        }
        Some(_) | None => Ok(()),
    }
}

/// None when one cannot be used, or when none was named: an empty list must not mean that any will do.
fn origins(named: &[String]) -> Option<Vec<Origin>> {
    let origins: Option<Vec<_>> = named.iter().map(|origin| Origin::parse(origin)).collect();
    origins.filter(|origins| !origins.is_empty())
}

/// Nonces live no longer than proofs without one, so that the memory of used proofs need not be longer either.
fn nonces(
    asked: Nonces,
    life: Duration,
    random: &dyn Random,
) -> Result<Option<NonceIssuer>, DpopSettingsError> {
    let mill = match asked {
        Nonces::Off => return Ok(None),
        Nonces::Shared(mill) => *mill,
        Nonces::Own => {
            let mut secret = [0; 32];
            random.fill(&mut secret).map_err(|cause| DpopSettingsError::Random(Box::new(cause)))?;
            NonceIssuer::new(&secret)
        }
    };
    Ok(Some(mill.lasting(life)))
}

/// RFC 9449 section 11.1: seconds or minutes.
const MOST_WINDOW: Duration = Duration::from_secs(300);

const MOST_LEEWAY: Duration = Duration::from_secs(60);
