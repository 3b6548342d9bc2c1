//! The services that the layers make.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use kest_baggage::{Ambience, Ambient, current_passport};
use kest_core::refusal::Step;
use kest_core::span::OperationSpan;
use kest_core::{Admission, AdmitOptions, Arrival, BoxError};
use tower_service::Service;

use crate::answer::Rejection;
use crate::body::{BodyCheck, Checked};
use crate::future::{ArrivalFuture, OperationFuture};
use crate::inbound::InboundLayer;
use crate::operation::{OperationLayer, Plan, Said};
use crate::rejection::RejectionKind;
use crate::respond::AuditedBy;
use crate::steps::{Arrived, Offered, Steps};
use crate::touch::{Watch, touch};
use crate::trace;

/// A service behind an [`InboundLayer`].
#[derive(Debug, Clone)]
pub struct Inbound<S> {
    inner: S,
    layer: InboundLayer,
}

impl<S> Inbound<S> {
    pub(crate) fn new(inner: S, layer: InboundLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for Inbound<S>
where
    S: Service<Request<Checked<RequestBody>>, Response = Response<ResponseBody>> + Clone,
    RequestBody: Body + Send + 'static,
    RequestBody::Error: Into<BoxError>,
    ResponseBody: Default,
{
    type Response = Response<Ambient<ResponseBody>>;
    type Error = S::Error;
    type Future = ArrivalFuture<S, Checked<RequestBody>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        let (span, came) = trace::begin(request.headers(), self.layer.strangers);
        let entering = came.entering();
        let (parts, body) = request.into_parts();
        let offered = Offered::of(&parts, &self.layer.steps);
        let around = Around::of(&parts.extensions);
        let mut request = Request::from_parts(parts, Checked::as_it_came(body));
        kest_baggage::strip(request.headers_mut());
        if let Some(audit) = &self.layer.audit {
            request.extensions_mut().insert(audit.clone());
        }
        let watch = self.layer.watches().then(|| Watch::over(&mut request));
        let steps = Arc::clone(&self.layer.steps);
        let arriving = Box::pin(async move {
            let judged = around.judge(steps, offered).await;
            let trace = came.of(judged.as_ref().ok().map(|arrived| &arrived.arrival));
            judged.map(|arrived| arrived.sent_from(trace))
        });
        ArrivalFuture::new(arriving, request, ready, enter_arrived, self.layer.respond.clone())
            .watched(watch)
            .within(span)
            .entering(entering)
    }
}

/// What stands around a request already when an inbound layer sees it.
enum Around {
    Nothing,
    /// An arrival or an admission, of a layer further out or of unknown origin.
    Proofs,
    /// A lineage, of the operation that makes this call within its own process.
    Lineage,
}

impl Around {
    fn of(extensions: &http::Extensions) -> Self {
        if extensions.get::<Arrival>().is_some() || extensions.get::<Admission>().is_some() {
            Self::Proofs
        } else if current_passport().is_some_and(|passport| !passport.is_empty()) {
            Self::Lineage
        } else {
            Self::Nothing
        }
    }

    /// Runs steps 1 to 4 unless they would forget a lineage that was proved: a carried one is never replaced by none.
    async fn judge(self, steps: Arc<Steps>, offered: Offered) -> Result<Arrived, Rejection> {
        let second = || Err(Rejection::new(Step::Inbound, RejectionKind::SecondArrival));
        if matches!(self, Self::Proofs) {
            return second();
        }
        let arrived = steps.arrive(offered).await?;
        let brought = arrived.arrival.lineage().passport().is_some_and(|passport| !passport.is_empty());
        if matches!(self, Self::Lineage) && !brought { second() } else { Ok(arrived) }
    }
}

/// A service behind an [`OperationLayer`].
#[derive(Debug, Clone)]
pub struct Operate<S> {
    inner: S,
    layer: OperationLayer,
}

impl<S> Operate<S> {
    pub(crate) fn new(inner: S, layer: OperationLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for Operate<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone,
    ResponseBody: Default,
{
    type Response = Response<Ambient<ResponseBody>>;
    type Error = S::Error;
    type Future = OperationFuture<S, RequestBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        let plan = Arc::clone(&self.layer.plan);
        let (respond, hashing) = (plan.respond.clone(), plan.answer);
        let (mut parts, body) = request.into_parts();
        if let (None, Some(audit)) = (parts.extensions.get::<AuditedBy>(), plan.admitter.audit()) {
            parts.extensions.insert(AuditedBy(Arc::clone(audit)));
        }
        touch(&mut parts.extensions);
        let arrival = standing_of(&parts.extensions);
        let said = plan.said(&mut parts);
        plan.body.apply(&parts.extensions);
        let check = BodyCheck::of(&parts.extensions);
        let named = said.as_ref().ok().and_then(Said::name).unwrap_or(plan.operation.name());
        let span = OperationSpan::begin(named);
        let around = span.span().clone();
        let trace_id = trace::trace_of(&plan.admitter, &parts, &span);
        let request = Request::from_parts(parts, body);
        let admitting = Box::pin(async move {
            let Some(arrival) = arrival else {
                return Err(Rejection::new(Step::Operation, RejectionKind::NoArrival));
            };
            if let Some(check) = check {
                check.verdict(Step::Operation).await?;
            }
            let said = said?;
            let mut options =
                AdmitOptions::default().with_trace_id(trace_id).with_root_origin(plan.root_origin.clone());
            options.span = Some(span);
            options.signer.clone_from(&plan.signer);
            admit(&plan, &arrival, said, options).await
        });
        OperationFuture::new(admitting, request, ready, enter_admitted, respond)
            .hashing(hashing)
            .within(around)
    }
}

fn enter_arrived<B>(request: &mut Request<Checked<B>>, arrived: Arrived) -> Ambience
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Arrived { arrival, received, body, body_wait } = arrived;
    if let Some(expected) = body {
        let came = std::mem::replace(request.body_mut(), Bytes::new().into());
        let (checked, check) = came.expect(&expected, body_wait);
        *request.body_mut() = checked;
        check.and_then(|check| request.extensions_mut().insert(check));
    }
    request.extensions_mut().insert(arrival.clone());
    request.extensions_mut().insert(received);
    arrival.into()
}

pub(crate) fn enter_admitted<B>(request: &mut Request<B>, admission: Admission) -> Ambience {
    request.extensions_mut().insert(admission.clone());
    admission.into()
}

/// What the operation follows: the operation around it, else what came in.
fn standing_of(extensions: &http::Extensions) -> Option<Arrival> {
    match extensions.get::<Admission>() {
        Some(outer) => Some(outer.following()),
        None => extensions.get::<Arrival>().cloned(),
    }
}

/// Describes the operation, then steps 5 and 6, all within `Limits::admission_wait`.
async fn admit(
    plan: &Plan,
    arrival: &Arrival,
    said: Said,
    options: AdmitOptions,
) -> Result<Admission, Rejection> {
    // Pinned where it stands: the timeout would move kilobytes otherwise.
    let admission = pin!(async {
        let operation = plan.operation_of(said).await?;
        let admission = plan.admitter.admit(arrival, &operation, plan.policy.as_ref(), options);
        admission.await.map_err(|error| Rejection::from(&error))
    });
    match tokio::time::timeout(plan.admitter.limits().admission_wait, admission).await {
        Ok(admission) => admission,
        Err(_elapsed) => Err(Rejection::new(Step::Operation, RejectionKind::TookTooLong)),
    }
}
