//! What a service demands so that a passport counts: that who presents it signed its tip.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use kest_baggage::Tier;
use kest_core::refusal::Step;
use kest_core::signature::KeyRing;
use kest_core::{Arrival, Clock, Limits, Passport, PassportBinding, ReplayStore};
use kest_identity::{IdentityChoice, NoIdentityChoice, PeerWorkload};
use kest_signature::hop::{HopError, HopSettings, HopSettingsError, UnverifiedHop};
use kest_signature::{RequestHead, hop};

use crate::answer::Rejection;
use crate::body::Expected;
use crate::rejection::RejectionKind;

/// Demands that a request with a passport is signed by the signer of the passport's tip.
///
/// For this service, just now and once: see [`InboundBuilder::hop_proof`](crate::InboundBuilder::hop_proof).
///
/// ```
/// use std::time::Duration;
/// use kest_tower::HopProof;
///
/// let plain = HopProof::for_authority("stock.internal:8443");
/// let known_by_two_names = HopProof::for_authority("stock.internal").authority("stock.example").max_age(Duration::from_secs(5));
/// # drop((plain, known_by_two_names));
/// ```
///
/// The authorities are what callers ask for, `host` or `host:port`: a proof for another service is worth nothing here, and a name that
/// the caller put into `Host` proves nothing. Replicas of one service need a [replay store](Self::replays) that they share; each of them takes
/// a proof once otherwise.
#[derive(Debug, Clone)]
#[must_use]
pub struct HopProof {
    authorities: Vec<String>,
    replays: Option<Arc<dyn ReplayStore>>,
    max_age: Option<Duration>,
    skew: Option<Duration>,
}

impl HopProof {
    /// For a service that callers reach under this authority.
    pub fn for_authority(authority: impl Into<String>) -> Self {
        Self::for_authorities([authority])
    }

    /// For a service that callers reach under any of these.
    pub fn for_authorities<A: Into<String>>(authorities: impl IntoIterator<Item = A>) -> Self {
        let authorities = authorities.into_iter().map(Into::into).collect();
        Self { authorities, replays: None, max_age: None, skew: None }
    }

    /// Adds an authority under which callers reach the service.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authorities.push(authority.into());
        self
    }

    /// Remembers used proofs there: for all replicas of a service. In the memory of this process otherwise.
    pub fn replays(mut self, replays: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(replays);
        self
    }

    /// How long after it was made a proof counts, instead of `Limits::signature_max_age`. Whole seconds.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// How far ahead the clock of a caller may be, instead of `Limits::signature_skew`. Whole seconds.
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = Some(skew);
        self
    }

    fn settings(
        self,
        clock: &Arc<dyn Clock>,
        limits: &Limits,
        replays: Option<Arc<dyn ReplayStore>>,
    ) -> Result<HopSettings, HopSettingsError> {
        let mut builder =
            HopSettings::builder().clock(Arc::clone(clock)).limits(limits).authorities(self.authorities);
        if let Some(replays) = self.replays.or(replays) {
            builder = builder.replays(replays);
        }
        if let Some(max_age) = self.max_age {
            builder = builder.max_age(max_age);
        }
        if let Some(skew) = self.skew {
            builder = builder.skew(skew);
        }
        builder.build()
    }
}

/// What was said about passports that anybody could send who saw them.
#[derive(Debug, Clone, Default)]
pub(crate) enum BindingChoice {
    #[default]
    Unsaid,
    HopProof(HopProof),
    Peer,
    Bearer,
}

impl BindingChoice {
    /// Makes sure that one was made where a stolen passport would make a thief a caller.
    pub(crate) fn check(&self, identity: &IdentityChoice) -> Result<(), NoBindingChoice> {
        match self {
            Self::Unsaid if identity.believes_lineage() => Err(NoBindingChoice(())),
            Self::Unsaid | Self::HopProof(_) | Self::Peer | Self::Bearer => Ok(()),
        }
    }

    /// What the steps do about it.
    pub(crate) fn demand(
        self,
        clock: &Arc<dyn Clock>,
        limits: &Limits,
        replays: Option<Arc<dyn ReplayStore>>,
    ) -> Result<Demand, HopSettingsError> {
        Ok(match self {
            Self::Unsaid => Demand::NothingSaid,
            Self::HopProof(proof) => Demand::Signature(Box::new(proof.settings(clock, limits, replays)?)),
            Self::Peer => Demand::Peer,
            Self::Bearer => Demand::Nothing,
        })
    }
}

/// Identity is taken from the lineage, and nothing says what ties a passport to the request that it comes with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "identity is taken from the lineage, and it was not said what ties passports to their requests: demand that callers sign \
     each request (`.hop_proof(HopProof::for_authority(..))`), or take passports from the peers of mutual TLS that signed them \
     (`.bound_to_peer()`), or, where a stolen passport may do all that its owner may, believe every one \
     (`.dangerous_bearer_passports()`); a mechanism of your own that never looks at the lineage says so in \
     `Authenticate::needs_lineage`"
)]
pub struct NoBindingChoice(());

/// An inbound layer cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboundBuildError {
    /// It was not said where identity comes from.
    #[error(transparent)]
    NoIdentityChoice(#[from] NoIdentityChoice),
    /// Identity is taken from the lineage, and it was not said what ties passports to their requests.
    #[error(transparent)]
    NoBindingChoice(#[from] NoBindingChoice),
    /// What was said about hop proofs cannot be.
    #[error(transparent)]
    HopProof(#[from] HopSettingsError),
}

/// What ties a passport to its request, or it is refused.
#[derive(Debug)]
pub(crate) enum Demand {
    /// Passports are taken, and lift nothing: they may be stolen, or cut.
    NothingSaid,
    /// Passports are believed in full, as was said aloud.
    Nothing,
    Signature(Box<HopSettings>),
    Peer,
}

/// What a request brings to tie its passport to it; nothing of it is believed yet.
#[derive(Debug)]
pub(crate) enum Tie {
    None,
    Signed(Box<UnverifiedHop>),
    From(PeerWorkload),
}

/// What was found to tie a passport to its request.
#[derive(Debug, Default)]
pub(crate) struct Tied {
    pub(crate) binding: PassportBinding,
    pub(crate) body: Option<Expected>,
}

impl Demand {
    /// What the service makes of a request that was not refused.
    pub(crate) fn value(&self, arrival: Arrival, binding: PassportBinding) -> Arrival {
        match self {
            Self::NothingSaid => arrival.never_lifting(),
            Self::Nothing | Self::Signature(_) | Self::Peer => arrival.with_binding(binding),
        }
    }

    /// Reads what the request brings, where it is asked for.
    pub(crate) fn read(
        &self,
        head: &RequestHead<'_>,
        headers: &HeaderMap,
        peer: Option<&PeerWorkload>,
        limits: &Limits,
    ) -> Result<Tie, HopError> {
        Ok(match self {
            Self::NothingSaid | Self::Nothing => Tie::None,
            Self::Signature(_) => {
                hop::read(head, headers, limits)?.map_or(Tie::None, |proof| Tie::Signed(Box::new(proof)))
            }
            Self::Peer => peer.cloned().map_or(Tie::None, Tie::From),
        })
    }

    /// What is wrong before anything is fetched, opened or verified: a passport of this tier came, or none.
    pub(crate) fn check_presence(&self, tie: &Tie, tier: Option<Tier>) -> Result<(), Rejection> {
        let refused = |kind, cause| Err(Rejection::new(Step::Inbound, kind).because(cause));
        match (self, tie, tier) {
            (Self::Signature(_), Tie::None, Some(_)) => refused(RejectionKind::ProofMissing, None),
            // Its passport was lost on the way, and with it all that the caller may have been told no for.
            (Self::Signature(_), Tie::Signed(_), None) => {
                refused(RejectionKind::ProofInvalid, Some("passport_missing"))
            }
            (Self::Peer, Tie::None, Some(_)) => refused(RejectionKind::PeerMismatch, Some("no_peer")),
            _ => Ok(()),
        }
    }

    /// Whether `tie` ties the verified passport to its request; a proof is used up by that.
    pub(crate) async fn tie(
        &self,
        tie: Tie,
        passport: &Passport,
        ring: &KeyRing,
        limits: &Limits,
    ) -> Result<Tied, Rejection> {
        match (self, tie) {
            (Self::NothingSaid | Self::Nothing, _) => Ok(Tied::default()),
            (Self::Signature(settings), Tie::Signed(proof)) => {
                let proved = proof.verify(passport, ring, settings).await.map_err(|error| refused(&error))?;
                let body = Expected { body: proved.body().clone(), limit: limits.signed_body_bytes };
                Ok(Tied { binding: PassportBinding::Signature, body: Some(body) })
            }
            (Self::Peer, Tie::From(peer)) => {
                let mut signers = passport.tip_entries().map(|tip| tip.workload()).peekable();
                let is_known = signers.peek().is_some();
                if is_known && signers.all(|signer| signer == peer.workload()) {
                    Ok(Tied { binding: PassportBinding::Peer, body: None })
                } else {
                    let mismatch = Rejection::new(Step::Inbound, RejectionKind::PeerMismatch);
                    Err(mismatch.because(Some("other_workload")))
                }
            }
            // Refused above already, when the passport had not been opened.
            (Self::Signature(_), Tie::None | Tie::From(_)) => {
                Err(Rejection::new(Step::Inbound, RejectionKind::ProofMissing))
            }
            (Self::Peer, Tie::None | Tie::Signed(_)) => {
                Err(Rejection::new(Step::Inbound, RejectionKind::PeerMismatch).because(Some("no_peer")))
            }
        }
    }
}

/// The refusal of a proof.
pub(crate) fn refused(error: &HopError) -> Rejection {
    let kind = match error {
        HopError::Missing => RejectionKind::ProofMissing,
        HopError::Invalid(_) => RejectionKind::ProofInvalid,
        HopError::Replayed | HopError::Forgotten => RejectionKind::ProofReplayed,
        HopError::ShareUsedUp => RejectionKind::ShareUsedUp,
        HopError::Unavailable(_) => RejectionKind::ProofUnavailable,
        // A kind that is added elsewhere refuses too.
        _ => RejectionKind::ProofInvalid,
    };
    Rejection::new(Step::Inbound, kind).because(error.cause())
}
