//! A service that knows who may send a passport, its caller, and a count of what the handler ran and the service signed.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use kest_core::policy::policy_fn;
use kest_core::{Admission, BoxError, Operation, Passport, PassportBinding};
use kest_identity::IdentityChoice;
use kest_testkit::TestKest;
use kest_tower::{HopProof, InboundBuilder, OperationLayer, Rejection, RejectionKind};
use tower::util::BoxCloneService;
use tower::{ServiceBuilder, ServiceExt as _};

/// The authority of the service.
pub(crate) const HOST: &str = "stock.example";

/// The request that honest callers make.
pub(crate) fn request(body: &str) -> Request<String> {
    let builder = Request::post(format!("https://{HOST}/items/7?fields=all"));
    builder.header("authorization", "Bearer abc").body(body.to_owned()).unwrap()
}

/// A service and its callers.
pub(crate) struct Rig {
    pub(crate) kit: TestKest,
    /// What honest callers present, which the gateway signed last.
    pub(crate) passport: Passport,
    /// A part of it that another workload signed.
    pub(crate) cut: Passport,
    inbound: Box<dyn Fn(InboundBuilder) -> InboundBuilder + Send + Sync>,
    pub(crate) operation: Box<dyn Fn(OperationLayer) -> OperationLayer + Send + Sync>,
    runs: Arc<AtomicUsize>,
    seen: Arc<Mutex<Option<Seen>>>,
}

/// What the handler saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) binding: PassportBinding,
    pub(crate) body: Result<Bytes, String>,
}

impl Rig {
    /// A service that demands hop proofs.
    pub(crate) fn new() -> Self {
        Self::with(|inbound| inbound.hop_proof(HopProof::for_authority(HOST)))
    }

    pub(crate) fn with(inbound: impl Fn(InboundBuilder) -> InboundBuilder + Send + Sync + 'static) -> Self {
        let kit = TestKest::new(["gateway", "cart", "mallory", "service"]);
        // One store for all requests, since the layer is made anew for each.
        let replays = Arc::new(kest_core::replay::InMemoryReplays::with_clock(
            &kest_core::Limits::default(),
            kit.clock(),
        ));
        let inbound = move |it: InboundBuilder| {
            inbound(it.replays(Arc::<kest_core::replay::InMemoryReplays>::clone(&replays)))
        };
        let (passport, cut) =
            (kit.lineage().hop("cart").hop("gateway").passport(), kit.lineage().hop("cart").passport());
        Self {
            kit,
            passport,
            cut,
            inbound: Box::new(inbound),
            operation: Box::new(|it| it),
            runs: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// The request of an honest caller.
    pub(crate) fn sent(&self, request: Request<String>) -> Request<String> {
        self.kit.send("gateway", &self.passport, request)
    }

    /// What everybody can send who saw the passport.
    pub(crate) fn copied(&self, request: Request<String>) -> Request<String> {
        self.kit.carry(&self.passport, request)
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone().expect("the handler ran")
    }

    /// What the service answers.
    pub(crate) async fn ask<B>(&self, request: Request<B>) -> Response<String>
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inbound = self.kit.inbound().identity(IdentityChoice::from_lineage());
        let policy = policy_fn("anyone", |_| true).unwrap();
        let admitter = self.kit.admitter("service").build();
        let operation = OperationLayer::new(admitter, Operation::named("call").unwrap(), policy);
        let (runs, seen) = (Arc::clone(&self.runs), Arc::clone(&self.seen));
        let service = ServiceBuilder::new()
            .layer((self.inbound)(inbound).build())
            .layer((self.operation)(operation))
            .service_fn(move |request: Request<kest_tower::Checked<B>>| {
                let (runs, seen) = (Arc::clone(&runs), Arc::clone(&seen));
                async move {
                    runs.fetch_add(1, Ordering::SeqCst);
                    let admission: Admission = request.extensions().get().cloned().unwrap();
                    let body = request.into_body().collect().await;
                    let body = body.map(|it| it.to_bytes()).map_err(|error| error.to_string());
                    let binding = admission.arrival().binding();
                    *seen.lock().unwrap() = Some(Seen { binding, body });
                    Ok::<_, Infallible>(Response::new("ran".to_owned()))
                }
            });
        let response = service.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Expects that the handler ran, and what it saw.
    #[track_caller]
    pub(crate) fn admitted<B>(&self, what: &str, request: Request<B>) -> Seen
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let before = self.runs();
        let response = now(self.ask(request));
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "{what}: {:?}",
            response.extensions().get::<Rejection>()
        );
        assert_eq!(self.runs(), before + 1, "{what}");
        self.seen()
    }

    /// Expects a constant refusal of this kind and cause, and that nothing ran and nothing was signed.
    #[track_caller]
    pub(crate) fn refused<B>(&self, what: &str, request: Request<B>, kind: RejectionKind, cause: Option<&str>)
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (runs, signed) = (self.runs(), self.kit.signed().len());
        let response = now(self.ask(request));
        let rejection = response.extensions().get::<Rejection>().unwrap_or_else(|| panic!("{what}: it ran"));
        assert_eq!((rejection.kind(), rejection.cause()), (kind, cause), "{what}");
        assert_eq!(response.status(), kind.status(), "{what}");
        assert_eq!(response.body(), "", "{what}");
        let challenged = response.headers().contains_key("www-authenticate");
        assert_eq!(challenged, kind.status() == StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!((self.runs(), self.kit.signed().len()), (runs, signed), "{what}");
    }
}

pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

/// A service that answers with a status and nothing else, made once for many requests.
pub(crate) struct Service {
    runtime: tokio::runtime::Runtime,
    inner: BoxCloneService<Request<String>, Response<()>, Infallible>,
}

impl Service {
    pub(crate) fn of(kit: &TestKest, demand: impl Fn(InboundBuilder) -> InboundBuilder) -> Self {
        let inbound = demand(kit.inbound().identity(IdentityChoice::from_lineage())).build();
        let inner = ServiceBuilder::new()
            .layer(inbound)
            .layer(kest_tower::public())
            .service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new(String::new())));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { runtime, inner: BoxCloneService::new(inner.map_response(|response| response.map(drop))) }
    }

    pub(crate) fn status(&self, request: Request<String>) -> StatusCode {
        self.runtime.block_on(self.inner.clone().oneshot(request)).unwrap().status()
    }
}

/// A body whose pieces are there one after the other; at the end it stays silent, breaks off or ends.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub(crate) pieces: std::collections::VecDeque<Frame<Bytes>>,
    pub(crate) end: End,
    pub(crate) polled: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Ends,
    Breaks,
    Hangs,
}

impl Pieces {
    pub(crate) fn of(pieces: &[&str], end: End) -> Self {
        let pieces =
            pieces.iter().map(|piece| Frame::data(Bytes::copy_from_slice(piece.as_bytes()))).collect();
        Self { pieces, end, polled: Arc::default() }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // Every other time it has to be asked again.
        if self.polled.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match (self.pieces.pop_front(), self.end) {
            (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
            (None, End::Ends) => Poll::Ready(None),
            (None, End::Breaks) => Poll::Ready(Some(Err("connection reset".into()))),
            (None, End::Hangs) => Poll::Pending,
        }
    }
}
