//! Puts the lineage onto a request at the last moment before it is sent: step 8 of a request's life.

use std::sync::Arc;

use http::Extensions;
use kest_baggage::{Ambience, ForeignMembers, Tier, current_admission, current_arrival, packed_once, strip};
use kest_core::Admission;
use reqwest::{Body, Request, Response};
use reqwest_middleware::{Middleware, Next, RequestBuilder};

use crate::carry::Carrying;
use crate::destination::Destination;
use crate::error::CarryError;
use crate::origination::{Origination, WithoutLineage};
use crate::telemetry;

/// The last middleware of every client; private, so that it cannot be put on one that follows redirects elsewhere.
pub(crate) struct Innermost {
    carrying: Carrying,
    foreign_members: Option<ForeignMembers>,
    client: reqwest::Client,
}

impl Innermost {
    pub(crate) fn new(
        carrying: Carrying,
        foreign_members: Option<ForeignMembers>,
        client: reqwest::Client,
    ) -> Self {
        Self { carrying, foreign_members, client }
    }
}

#[async_trait::async_trait]
impl Middleware for Innermost {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        _below: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        // What was copied from an inbound request stops here; only a packed lineage goes on.
        strip(request.headers_mut());
        let listed =
            Destination::of(request.url()).is_some_and(|it| self.carrying.destinations.contains(&it));
        if !listed {
            telemetry::not_listed(request.url());
            stream_under(Ambience::capture(), &mut request);
            return Ok(self.client.execute(request).await?);
        }
        let sent = self
            .carry(&mut request, extensions)
            .await
            .inspect_err(telemetry::not_sent)
            .map_err(CarryError::into_middleware_error)?;
        telemetry::carried(sent.tier);
        // Not by what is below: nothing may change the request any more.
        let mut response = self.client.execute(request).await?;
        response.extensions_mut().insert(sent);
        Ok(response)
    }
}

impl Innermost {
    async fn carry(&self, request: &mut Request, extensions: &mut Extensions) -> Result<Sent, CarryError> {
        let admission = self.lineage(extensions).await?;
        let limits = admission.admitter().limits();
        let header = packed_once(&admission, &self.carrying.tiers).await.map_err(CarryError::Pack)?;
        let tier = header.tier().ok_or(CarryError::NoLineage)?;
        if let Some(members) = &self.foreign_members {
            members.merge_into(request.headers_mut()).map_err(CarryError::Inject)?;
        }
        header.inject(request.headers_mut(), limits).map_err(CarryError::Inject)?;
        header.check(request.headers(), limits).map_err(CarryError::NotAsPacked)?;
        stream_under(admission.clone().into(), request);
        Ok(Sent { tier, bytes: header.bytes() })
    }

    /// The admission that the request was given, else that of the running operation, else a new one.
    async fn lineage(&self, extensions: &mut Extensions) -> Result<Admission, CarryError> {
        if let Some(given) = extensions.get::<Admission>() {
            return Ok(given.clone());
        }
        match (Around::of(extensions), &self.carrying.without_lineage) {
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
    fn of(extensions: &Extensions) -> Self {
        match (Self::here(), extensions.get::<BuiltIn>()) {
            (Self::Nothing, Some(BuiltIn(ambience))) => ambience.scope(Self::here),
            (here, _) => here,
        }
    }

    fn here() -> Self {
        match current_admission() {
            Some(admission) => Self::Operation(admission),
            None if current_arrival().is_some() => Self::Request,
            None => Self::Nothing,
        }
    }
}

/// The ambience in which a request was built.
#[derive(Clone)]
struct BuiltIn(Ambience);

/// Notes the ambience on every request that is built, so that a task which only sends it continues the same lineage.
pub(crate) fn note_where_it_is_built(request: RequestBuilder) -> RequestBuilder {
    request.with_extension(BuiltIn(Ambience::capture()))
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

/// Streams the request's body as part of the same operation: the connection's task, which polls it, has no ambience.
fn stream_under(ambience: Ambience, request: &mut Request) {
    if let Some(body) = request.body_mut()
        && body.as_bytes().is_none()
    {
        *body = Body::wrap(ambience.wrap(std::mem::take(body)));
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
