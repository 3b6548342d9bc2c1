//! Steps 1 to 4 of a request's life, in the only order that compiles.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use kest_baggage::{Claims, HeaderReader, PackedPassport, RestoreError, Restored, Tier, restore};
use kest_core::refusal::Step;
use kest_core::signature::ResolveKeys;
use kest_core::{
    Arrival, Authenticate, Evidence, Limits, Lineage, Passport, PeerCertificate, Principal, RequestTarget,
    UnverifiedPassport, Verifier, authenticate,
};

use crate::answer::Rejection;
use crate::rejection::RejectionKind;

/// What the inbound layer was configured with.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) reader: HeaderReader,
    pub(crate) claims: Option<Claims>,
    pub(crate) keys: Arc<dyn ResolveKeys>,
    pub(crate) verifier: Verifier,
    pub(crate) identity: Arc<dyn Authenticate>,
    pub(crate) passport: PassportPresence,
    pub(crate) limits: Limits,
}

/// Whether a request may come without a passport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassportPresence {
    Optional,
    Required,
}

/// What the steps look at of a request; cloning it is cheap.
#[derive(Debug)]
pub(crate) struct Offered {
    baggage: Vec<HeaderValue>,
    authorization: Vec<HeaderValue>,
    dpop: Vec<HeaderValue>,
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    certificate: Option<PeerCertificate>,
}

impl Offered {
    pub(crate) fn of(parts: &Parts) -> Self {
        let all = |name| values_of(&parts.headers, name);
        Self {
            baggage: all("baggage"),
            authorization: all(header::AUTHORIZATION.as_str()),
            dpop: all("dpop"),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            host: parts.headers.get(header::HOST).cloned(),
            // Put there by whoever terminates TLS in this process; no header can put anything into extensions.
            certificate: parts.extensions.get().copied(),
        }
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

impl Steps {
    /// Runs steps 1 to 4 within `Limits::arrival_wait`.
    pub(crate) async fn arrive(&self, offered: Offered) -> Result<(Arrival, Received), Rejection> {
        match tokio::time::timeout(self.limits.arrival_wait, self.take(offered)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(Rejection::new(Step::Inbound, RejectionKind::TookTooLong)),
        }
    }

    async fn take(&self, offered: Offered) -> Result<(Arrival, Received), Rejection> {
        let packed = self
            .reader
            .read(offered.baggage.iter().map(HeaderValue::as_bytes))
            .map_err(|error| Rejection::from(&error))?;
        let restored = self.restore(packed).await.map_err(|error| Rejection::from(&error))?;
        let received = Received { tier: restored.tier() };
        let lineage = match restored.passport() {
            Some(passport) if !passport.is_empty() || self.passport == PassportPresence::Optional => {
                Lineage::Carried(self.verify(passport).await?)
            }
            None if self.passport == PassportPresence::Optional => Lineage::Absent,
            // An empty passport proves nothing, so it is not the one that is required.
            Some(_) | None => return Err(Rejection::new(Step::Inbound, RejectionKind::PassportMissing)),
        };
        let principal = self.authenticate(&offered, &lineage).await?;
        Ok((Arrival::new(lineage, principal), received))
    }

    async fn restore(&self, packed: PackedPassport) -> Result<Restored, RestoreError> {
        match &self.claims {
            Some(claims) => claims.restore(packed, &self.limits).await,
            None => restore(packed, None, &self.limits).await,
        }
    }

    async fn authenticate(&self, offered: &Offered, lineage: &Lineage) -> Result<Principal, Rejection> {
        let evidence = Evidence::new(lineage)
            .with_authorization(offered.authorization.iter().map(HeaderValue::as_bytes))
            .with_dpop(offered.dpop.iter().map(HeaderValue::as_bytes))
            .with_target(offered.target())
            .with_certificate(offered.certificate);
        authenticate(self.identity.as_ref(), &evidence)
            .await
            .map_err(|error| Rejection::from(&error).with_challenge(self.identity.challenge(&error)))
    }

    async fn verify(&self, passport: UnverifiedPassport) -> Result<Passport, Rejection> {
        let ring = self
            .keys
            .ring_for(&passport)
            .await
            .map_err(|_cause| Rejection::new(Step::Inbound, RejectionKind::KeysUnavailable))?;
        let verified = if passport.len() <= self.limits.inline_verify_entries {
            self.verifier.verify(passport, &ring)
        } else {
            let verifier = self.verifier.clone();
            tokio::task::spawn_blocking(move || verifier.verify(passport, &ring))
                .await
                .map_err(|_cause| Rejection::new(Step::Inbound, RejectionKind::KeysUnavailable))?
        };
        verified.map_err(Rejection::from)
    }
}
