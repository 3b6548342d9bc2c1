//! Puts the lineage onto a request at the last moment before it is sent and signs it, or says why it must not be sent: steps 8
//! and 10 of a request's life.

use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, Uri};
use kest_core::{Admission, OperationError};

use crate::ambience::{Ambience, LineageContext};
use crate::carry::content::Content;
use crate::carry::destinations::{Address, Allowed, Destinations};
use crate::carry::error::CarryError;
use crate::carry::origination::{Origination, WithoutLineage};
use crate::carry::proof::{self, HopSigning};
use crate::carry::report;
use crate::foreign::{ForeignMembers, ForeignMembersError};
use crate::inject::strip;
use crate::once::packed_once;
use crate::pack::Tiers;
use crate::tier::Tier;
use crate::trace;

/// What one client carries, and where.
#[derive(Debug, Clone)]
pub struct CarryRules {
    destinations: Destinations,
    without_lineage: WithoutLineage,
    tiers: Tiers,
    foreign_members: Option<ForeignMembers>,
    proof: HopSigning,
}

/// A request that is about to be sent, in the parts that a client has of it.
#[derive(Debug)]
pub struct Outgoing<'request, Body> {
    /// Where it goes, as its client reads its address.
    pub address: &'request Address,
    /// Its method.
    pub method: &'request Method,
    /// What is asked for, as it goes onto the wire.
    pub uri: &'request Uri,
    /// Its headers.
    pub headers: &'request mut HeaderMap,
    /// What its client keeps beside it.
    pub extensions: &'request mut Extensions,
    /// Its body.
    pub body: &'request mut Body,
}

impl CarryRules {
    /// The rules of a client; `foreign_members` are baggage members of others that every request with a passport gets too.
    ///
    /// # Errors
    ///
    /// [`RulesError`] when no passport could go anywhere, the foreign members are malformed, or the operation that starts a
    /// lineage can never be admitted.
    pub fn new(
        destinations: Destinations,
        without_lineage: WithoutLineage,
        tiers: Tiers,
        foreign_members: Option<&str>,
    ) -> Result<Self, RulesError> {
        if destinations.is_empty() {
            return Err(RulesError::NoDestination);
        }
        if let WithoutLineage::Originate(origination) = &without_lineage {
            origination.check()?;
        }
        let foreign_members =
            foreign_members.map(ForeignMembers::parse).transpose().map_err(RulesError::ForeignMembers)?;
        Ok(Self { destinations, without_lineage, tiers, foreign_members, proof: HopSigning::default() })
    }

    /// Proves hops like this; requests with a passport are signed otherwise, and streamed bodies read first.
    ///
    /// # Errors
    ///
    /// [`RulesError::NoAuthority`] when requests are to be signed and it cannot be known what they ask for.
    pub fn hop_signing(mut self, proof: HopSigning) -> Result<Self, RulesError> {
        if proof != HopSigning::Without && !self.destinations.know_their_authority() {
            return Err(RulesError::NoAuthority);
        }
        self.proof = proof;
        Ok(self)
    }

    /// How passports travel.
    #[must_use]
    pub fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    /// Makes the headers those of this request to its address: with the passport and a proof of this hop where the passport
    /// may go there, and without anything of ours where it may not.
    ///
    /// The lineage is that of the [`Admission`] among the extensions, else of the operation that `here` is part of, else of
    /// the [`Ambience`] among the extensions, which a request that is sent elsewhere was built under. Call this last, and for
    /// every attempt: what changes the request afterwards can exchange the lineage, and breaks the proof.
    ///
    /// # Errors
    ///
    /// [`CarryError`]; the request must not be sent then.
    pub async fn prepare<Body: Content>(
        &self,
        mut request: Outgoing<'_, Body>,
        here: Ambience,
    ) -> Result<Prepared, CarryError> {
        // What was copied from an inbound request stops here; only a packed lineage goes on.
        strip(request.headers);
        proof::strip(request.headers);
        let prepared = match self.destinations.allow(request.address) {
            Ok(Allowed::NoPassport) => {
                report::not_listed(request.address);
                return Ok(Prepared { sent: None, ambience: here });
            }
            Ok(Allowed::Passport) => self.carry(&mut request, &here).await,
            Err(error) => Err(error),
        };
        match &prepared {
            Ok(prepared) => report::carried(prepared.sent),
            Err(error) => report::not_sent(error, &here),
        }
        prepared
    }

    async fn carry<Body: Content>(
        &self,
        request: &mut Outgoing<'_, Body>,
        here: &Ambience,
    ) -> Result<Prepared, CarryError> {
        let admission = self.lineage(request.extensions, here).await?;
        let limits = admission.admitter().limits();
        let header = packed_once(&admission, &self.tiers).await.map_err(CarryError::Pack)?;
        let tier = header.tier().ok_or(CarryError::NoLineage)?;
        if let Some(members) = &self.foreign_members {
            members.merge_into(request.headers).map_err(CarryError::Inject)?;
        }
        header.inject(request.headers, limits).map_err(CarryError::Inject)?;
        header.check(request.headers, limits).map_err(CarryError::NotAsPacked)?;
        trace::carry(request.headers, &admission);
        self.proof.prove(request, &self.destinations, &admission).await?;
        let sent = Sent { tier, bytes: header.bytes() };
        Ok(Prepared { sent: Some(sent), ambience: admission.into() })
    }

    /// The admission that the request was given, else that of the running operation, else a new one.
    async fn lineage(&self, extensions: &mut Extensions, here: &Ambience) -> Result<Admission, CarryError> {
        if let Some(given) = extensions.get::<Admission>() {
            return Ok(given.clone());
        }
        match (Around::of(here, extensions), &self.without_lineage) {
            (Around::Operation(admission), _) => Ok(admission),
            (Around::Request | Around::Nothing, WithoutLineage::Refuse) => Err(CarryError::NoLineage),
            (Around::Request, WithoutLineage::Originate(_)) => Err(CarryError::InsideRequest),
            (Around::Nothing, WithoutLineage::Originate(origination)) => {
                if let Some(started) = Started::by(origination, extensions) {
                    return Ok(started);
                }
                let admission = origination.start().await?;
                let started = Started { by: Arc::clone(origination), admission: admission.clone() };
                extensions.insert(started);
                Ok(admission)
            }
        }
    }
}

/// What the request is sent from.
enum Around {
    Operation(Admission),
    Request,
    Nothing,
}

impl Around {
    /// Where it is sent, or where it was built when it is sent from a task that has no ambience.
    fn of(here: &Ambience, extensions: &Extensions) -> Self {
        let standing = here.context().or_else(|| extensions.get::<Ambience>()?.context());
        match standing {
            Some(LineageContext::Admitted(admission)) => Self::Operation(admission.clone()),
            Some(LineageContext::Arrived(_)) => Self::Request,
            None => Self::Nothing,
        }
    }
}

/// The lineage that an earlier attempt of the same request started: a retry is no second root.
#[derive(Clone)]
struct Started {
    by: Arc<Origination>,
    admission: Admission,
}

impl Started {
    fn by(origination: &Arc<Origination>, extensions: &Extensions) -> Option<Admission> {
        let started = extensions.get::<Self>().filter(|started| Arc::ptr_eq(&started.by, origination))?;
        Some(started.admission.clone())
    }
}

/// A request that may be sent.
#[derive(Debug)]
pub struct Prepared {
    sent: Option<Sent>,
    ambience: Ambience,
}

impl Prepared {
    /// How its passport travels; `None` where none goes along.
    #[must_use]
    pub fn sent(&self) -> Option<Sent> {
        self.sent
    }

    /// What its body is streamed as part of, since the task of a connection, which polls it, has no ambience.
    #[must_use]
    pub fn into_ambience(self) -> Ambience {
        self.ambience
    }
}

/// How the passport of a request travelled; found in the extensions of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The tier that was used.
    pub tier: Tier,
    /// Bytes of all `kest.*` members together, as encoded.
    pub bytes: usize,
}

/// A client's rules could let no request through, or are malformed: a fault of the program, found at start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// A passport may go nowhere: list at least one destination.
    #[error("no destination is listed")]
    NoDestination,
    /// The foreign members are no list of baggage members of others.
    #[error("foreign members are not baggage of others")]
    ForeignMembers(#[source] ForeignMembersError),
    /// Some destinations are listed and others bound: a client either goes where requests say, or to its own.
    #[error("client is bound to one destination and has a list of others")]
    ListedAndBound,
    /// The client is bound to several destinations, so that it is not known under which authority a request asks: say which,
    /// or that no hop proof is sent.
    #[error("client is bound to several destinations and does not say under which authority it asks")]
    NoAuthority,
    /// What [`WithoutLineage::originate`] was given could start no lineage at all.
    #[error("operation that starts a lineage can never be admitted")]
    Operation(#[from] OperationError),
}
