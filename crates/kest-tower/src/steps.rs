//! Steps 1 to 4 of a request's life, in the only order that compiles.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri, header};
use kest_baggage::{HeaderReader, PackedPassport, PassportStores, RestoreError, Restored, Tier, restore};
use kest_core::passport::Freshness;
use kest_core::refusal::Step;
use kest_core::signature::{KeyRing, ResolveKeys};
use kest_core::{
    Arrival, Authenticate, AuthenticateError, Caller, Clock, Credentials, Evidence, HeaderName, Limits,
    Lineage, Passport, PeerCertificate, RequestTarget, Share, Slots, TraceContext, UnverifiedPassport,
    Verifier, authenticate, authenticate_credentials,
};
use kest_identity::PeerWorkload;
use kest_signature::RequestHead;
use kest_signature::hop::HopError;

use crate::address::asked_for;
use crate::answer::Rejection;
use crate::body::Expected;
use crate::hop_proof::{self, Demand, Tie, Tied};
use crate::rejection::RejectionKind;

/// What the inbound layer was configured with.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) reader: HeaderReader,
    pub(crate) store: Option<PassportStores>,
    pub(crate) keys: Arc<dyn ResolveKeys>,
    pub(crate) verifier: Verifier,
    pub(crate) identity: Arc<dyn Authenticate>,
    pub(crate) needs: Needs,
    pub(crate) passport: PassportPresence,
    pub(crate) freshness: Freshness,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) slots: Slots,
    pub(crate) peer_address: Option<PeerAddress>,
    pub(crate) demand: Demand,
}

/// The headers that the mechanism declared: these are taken from a request for it, and no others.
#[derive(Debug)]
pub(crate) struct Needs(Vec<HeaderName>);

impl Needs {
    pub(crate) fn of(mechanism: &dyn Authenticate) -> Self {
        Self(mechanism.needs().to_vec())
    }

    fn values_of(&self, headers: &HeaderMap) -> Vec<Vec<HeaderValue>> {
        self.0.iter().map(|name| values_of(headers, name.as_str())).collect()
    }
}

/// Finds the address of the peer of a connection in what the server put into the request's extensions.
#[derive(Clone)]
pub(crate) struct PeerAddress(Arc<FindAddress>);

type FindAddress = dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync;

impl PeerAddress {
    pub(crate) fn new(find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    fn find(&self, extensions: &Extensions) -> Option<IpAddr> {
        (self.0)(extensions)
    }
}

impl fmt::Debug for PeerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PeerAddress(..)")
    }
}

/// What becomes of requests with and without a passport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PassportPresence {
    /// One may come, and is verified then.
    #[default]
    Optional,
    /// A request without one is refused; an empty one proves nothing and counts as none.
    Required,
    /// A request with one is refused: for an edge that only strangers call, where a lineage starts.
    Refused,
}

/// What the steps look at of a request; cloning it is cheap.
#[derive(Debug)]
pub(crate) struct Offered {
    baggage: Vec<HeaderValue>,
    /// For each header that the mechanism needs, in its order.
    declared: Vec<Vec<HeaderValue>>,
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    certificate: Option<PeerCertificate>,
    address: Option<IpAddr>,
    tie: Result<Tie, HopError>,
}

impl Offered {
    pub(crate) fn of(parts: &Parts, steps: &Steps) -> Self {
        let head = RequestHead::of(&parts.method, asked_for(parts));
        // Put there by the code that terminates TLS in this process; no header can put anything into extensions.
        let peer: Option<&PeerWorkload> = parts.extensions.get();
        Self {
            baggage: values_of(&parts.headers, "baggage"),
            declared: steps.needs.values_of(&parts.headers),
            method: parts.method.clone(),
            uri: asked_for(parts).clone(),
            host: parts.headers.get(header::HOST).cloned(),
            certificate: parts.extensions.get().copied(),
            address: steps.peer_address.as_ref().and_then(|peer| peer.find(&parts.extensions)),
            tie: steps.demand.read(&head, &parts.headers, peer, steps.limits()),
        }
    }

    fn credentials<'it>(&'it self, Needs(needs): &'it Needs) -> Credentials<'it> {
        let declared = needs.iter().zip(&self.declared);
        declared
            .fold(Credentials::none(), |credentials, (name, values)| {
                credentials.with_header(name, values.iter().map(HeaderValue::as_bytes))
            })
            .with_query(self.uri.query())
            .with_target(self.target())
            .with_certificate(self.certificate)
            .with_address(self.address)
    }

    fn target(&self) -> RequestTarget<'_> {
        // RFC 9112 section 3.2.2: the authority of an absolute form counts, not the header.
        let of_header = || self.host.as_ref().and_then(|host| host.to_str().ok());
        let host = self.uri.authority().map(http::uri::Authority::as_str).or_else(of_header);
        RequestTarget::new(self.method.as_str(), host, self.uri.path())
    }
}

fn values_of(headers: &HeaderMap, name: &str) -> Vec<HeaderValue> {
    headers.get_all(name).iter().cloned().collect()
}

/// How the passport of a request travelled, found in the request's extensions beside the arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The tier that the passport came in; `None` when none came.
    pub tier: Option<Tier>,
}

/// What steps 1 to 4 give: the proofs, and what the body must be that comes with them.
#[derive(Debug)]
#[expect(
    unnameable_types,
    reason = "it stands in the name of the future that waits for it, and nowhere else"
)]
pub struct Arrived {
    pub(crate) arrival: Arrival,
    pub(crate) received: Received,
    pub(crate) body: Option<Expected>,
    pub(crate) body_wait: Duration,
}

impl Arrived {
    /// Says which span the request was sent from, where that is believed.
    pub(crate) fn sent_from(self, trace: Option<TraceContext>) -> Self {
        Self { arrival: trace.into_iter().fold(self.arrival, Arrival::with_trace), ..self }
    }
}

impl Steps {
    fn limits(&self) -> &Limits {
        &self.verifier.settings().limits
    }

    /// Runs steps 1 to 4 within `Limits::arrival_wait`.
    pub(crate) async fn arrive(&self, offered: Offered) -> Result<Arrived, Rejection> {
        match tokio::time::timeout(self.limits().arrival_wait, self.take(offered)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(Rejection::new(Step::Inbound, RejectionKind::TookTooLong)),
        }
    }

    /// What costs least comes first: a token that does not hold is refused before a passport is fetched, inflated or
    /// verified, unless the mechanism must see the lineage.
    async fn take(&self, mut offered: Offered) -> Result<Arrived, Rejection> {
        let packed = self
            .reader
            .read(offered.baggage.iter().map(HeaderValue::as_bytes))
            .map_err(|error| Rejection::from(&error))?;
        if self.passport == PassportPresence::Refused && packed.tier().is_some() {
            return Err(Rejection::new(Step::Inbound, RejectionKind::PassportRefused));
        }
        let tie =
            std::mem::replace(&mut offered.tie, Ok(Tie::None)).map_err(|error| hop_proof::refused(&error))?;
        self.demand.check_presence(&tie, packed.tier())?;
        let credentials = offered.credentials(&self.needs);
        let peer = credentials.peer();
        let known = authenticate_credentials(self.identity.as_ref(), &credentials).await;
        let known = known.map_err(|error| self.refused(&error))?;
        let restored = self.restore(packed).await.map_err(|error| Rejection::from(&error))?;
        let received = Received { tier: restored.tier() };
        let (lineage, tied) = match restored.passport() {
            Some(passport) if !passport.is_empty() || self.passport != PassportPresence::Required => {
                let share = || known.as_ref().and_then(Caller::share).or(peer).unwrap_or(Share::UNKNOWN);
                let (passport, ring) = self.verify(passport, share).await?;
                let tied = self.demand.tie(tie, &passport, &ring, self.limits()).await?;
                (Lineage::Carried(passport), tied)
            }
            None if self.passport != PassportPresence::Required => (Lineage::Absent, Tied::default()),
            // An empty passport proves nothing, so it is not the one that is required.
            Some(_) | None => return Err(Rejection::new(Step::Inbound, RejectionKind::PassportMissing)),
        };
        let caller = match known {
            Some(caller) => caller,
            None => {
                let evidence = Evidence::new(&lineage).with_credentials(credentials);
                let seen = authenticate(self.identity.as_ref(), &evidence).await;
                seen.map_err(|error| self.refused(&error))?
            }
        };
        let arrival = self.demand.value(Arrival::from_peer(lineage, caller, peer), tied.binding);
        Ok(Arrived { arrival, received, body: tied.body, body_wait: self.limits().checked_body_wait })
    }

    fn refused(&self, error: &AuthenticateError) -> Rejection {
        Rejection::from(error).with_challenge(self.identity.challenge(error))
    }

    async fn restore(&self, packed: PackedPassport) -> Result<Restored, RestoreError> {
        match &self.store {
            Some(store) => store.restore(packed, self.limits()).await,
            None => restore(packed, None, self.limits()).await,
        }
    }

    /// Verifies on the account of `share`, which is asked only where the work goes elsewhere.
    async fn verify(
        &self,
        passport: UnverifiedPassport,
        share: impl FnOnce() -> Share,
    ) -> Result<(Passport, Arc<KeyRing>), Rejection> {
        let ring = self.keys.ring_for(&passport).await.map_err(|cause| {
            Rejection::new(Step::Inbound, RejectionKind::KeysUnavailable).because(cause.kind())
        })?;
        let verified = if passport.len() <= self.limits().inline_verify_entries {
            self.verifier.verify(passport, &ring)
        } else {
            let verifier = self.verifier.clone();
            let ring = Arc::clone(&ring);
            elsewhere(&self.slots, share(), move || verifier.verify(passport, &ring)).await?
        };
        let passport = verified.map_err(Rejection::from)?;
        // Asked last, so that an unsigned time decides nothing.
        match self.freshness.check(&passport, self.clock.as_ref(), self.limits()) {
            Ok(()) => Ok((passport, ring)),
            Err(found) => {
                Err(Rejection::new(Step::Inbound, RejectionKind::PassportStale).because(Some(found.kind())))
            }
        }
    }
}

/// Does `work` on a blocking thread, as soon as it is the caller's turn.
async fn elsewhere<Done: Send + 'static>(
    slots: &Slots,
    share: Share,
    work: impl FnOnce() -> Done + Send + 'static,
) -> Result<Done, Rejection> {
    let slot = slots.enter(share).await.map_err(Rejection::from)?;
    let done = tokio::task::spawn_blocking(move || {
        // Kept until the work ends, also when no request waits for it any more.
        let _slot = slot;
        work()
    });
    done.await.map_err(|_cause| Rejection::new(Step::Inbound, RejectionKind::Overloaded))
}

#[cfg(test)]
#[path = "steps/tests/arrivals.rs"]
mod arrivals;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Attack: callers that hang up, each leaving work behind that no request waits for.
    #[tokio::test]
    async fn work_that_outlives_its_caller_keeps_its_slot_until_it_ends() {
        let slots = Slots::new(2, 4);
        let share = Share::UNKNOWN;
        let (end, ends) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let caller = tokio::spawn({
            let slots = slots.clone();
            let work = move || begin.send(()).is_ok() && ends.recv().is_ok();
            async move { elsewhere(&slots, share, work).await }
        });
        begun.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(slots.try_enter(share).unwrap_err(), kest_core::NoSlot::ShareUsedUp);
        end.send(()).unwrap();
        // Its one slot: this waits until the work has ended.
        let _next = slots.enter(share).await.unwrap();
    }
}
