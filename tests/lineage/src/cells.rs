//! The ways of making a call, and what must arrive each time.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use kest_baggage::Ambience;
use kest_reqwest::CarryError;
use reqwest_middleware::ClientWithMiddleware;
use tracing::Instrument as _;

use crate::clients::TwoClients;
use crate::recorder::{Recorder, Seen};
use crate::services::Front;
use crate::setup::Setup;
use crate::stream::streaming;

/// One way of making a call from a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// As it comes.
    Plain,
    /// In the span that is current.
    InCurrentSpan,
    /// In a span of its own, and in one that a level switches off.
    Instrument,
    /// In a span whose parent is another one.
    ParentSpan,
    /// In a task of its own: alone, with the captured ambience, and with the request built before.
    Spawn,
    /// From the body of the answer, while it is written.
    StreamedBody,
    /// With a first attempt that fails.
    Retry,
    /// To an address that redirects, on the same origin and away from it.
    Redirect,
    /// To a host that is on no list.
    UnlistedHost,
}

/// What a handler calls with, and whom.
#[derive(Debug)]
struct Calls {
    clients: TwoClients,
    back: Recorder,
    elsewhere: Recorder,
}

impl Calls {
    /// With both clients to `path` of the listed service, and to a host that is on no list.
    async fn make(&self, path: &str) {
        for client in [&self.clients.refusing, &self.clients.originating] {
            client.get(self.elsewhere.url("/")).send().await.unwrap();
            client.get(self.back.url(path)).send().await.unwrap();
        }
    }
}

#[tracing::instrument(skip_all)]
async fn made_by_an_instrumented_function(calls: &Calls) {
    calls.make("/call").await;
}

impl Cell {
    /// Makes the calls of one cell under `setup` and checks what arrived.
    pub async fn run(self, setup: Setup) {
        setup.install();
        let calls = self.call().await;
        self.check(&calls).await;
        calls.back.seen().iter().for_each(|request| self.check_others(setup, request));
        calls.elsewhere.seen().iter().for_each(|request| self.check_others(setup, request));
    }

    /// The same in this thread with nothing of the spans and events but what `filter` leaves of them.
    pub async fn run_filtered(self, setup: Setup, filter: &str) {
        setup.install();
        let _filtered = tracing::subscriber::set_default(setup.subscriber(filter));
        let calls = self.call().await;
        self.check(&calls).await;
    }

    /// Makes the calls from a handler.
    async fn call(self) -> Arc<Calls> {
        let elsewhere = Recorder::start("/nowhere").await;
        let back = Recorder::start(&elsewhere.url("/stolen")).await;
        let clients = TwoClients::to(&back.origin());
        let calls = Arc::new(Calls { clients, back, elsewhere });
        let handler = Arc::clone(&calls);
        let front = Front::start(move || {
            let calls = Arc::clone(&handler);
            async move { self.make(calls).await }
        })
        .await;
        assert_eq!(front.call("/").await, "done");
        calls
    }

    async fn make(self, calls: Arc<Calls>) -> Response {
        match self {
            Self::Plain | Self::UnlistedHost => calls.make("/call").await,
            Self::InCurrentSpan => calls.make("/call").in_current_span().await,
            Self::Instrument => {
                calls.make("/call").instrument(tracing::info_span!("work")).await;
                calls.make("/call").instrument(tracing::trace_span!("switched off")).await;
                made_by_an_instrumented_function(&calls).await;
            }
            Self::ParentSpan => {
                let other = tracing::info_span!(parent: None, "another");
                calls.make("/call").instrument(tracing::info_span!(parent: &other, "work")).await;
                calls.make("/call").instrument(other).await;
            }
            Self::Spawn => spawn(&calls).await,
            Self::StreamedBody => {
                return streaming(async move {
                    calls.make("/call").await;
                    "done".to_owned()
                });
            }
            Self::Retry => calls.make("/flaky").await,
            Self::Redirect => {
                calls.make("/again").await;
                calls.make("/away").await;
            }
        }
        "done".into_response()
    }

    /// How many requests arrive at the listed service, and at the one on no list.
    fn arrivals(self) -> (usize, usize) {
        match self {
            Self::Plain | Self::InCurrentSpan | Self::StreamedBody | Self::UnlistedHost => (2, 2),
            Self::Instrument => (6, 6),
            Self::ParentSpan => (4, 4),
            // Alone it is not sent; wrapped both clients send it, built before as well.
            Self::Spawn => (4, 2),
            Self::Retry => (4, 2),
            // What redirects, where it redirects to, and what redirects away.
            Self::Redirect => (6, 4),
        }
    }

    /// Whose entries arrived, and that nothing of ours went elsewhere.
    async fn check(self, calls: &Calls) {
        let (seen, elsewhere) = (calls.back.seen(), calls.elsewhere.seen());
        assert_eq!((seen.len(), elsewhere.len()), self.arrivals(), "{self:?}");
        for request in &seen {
            assert_eq!(request.workloads().await, ["edge", "front"], "{self:?} {}", request.path);
        }
        calls.elsewhere.check_nothing_of_ours();
    }

    /// What other people's middleware wrote is there, which also shows that the setup is what it says.
    #[track_caller]
    fn check_others(self, setup: Setup, request: &Seen) {
        let baggage = request.baggage();
        assert!(baggage.contains("sentry-environment=test,sentry-release=1"), "{baggage}");
        assert!(!baggage.contains("admin"), "{baggage}");
        assert_eq!(request.headers.contains_key("traceparent"), setup != Setup::WithoutOpenTelemetry);
        // OpenTelemetry's own baggage is lost by a span of another trace and by a task: ours is not.
        let keeps =
            setup == Setup::OpenTelemetryWithBaggage && !matches!(self, Self::ParentSpan | Self::Spawn);
        assert_eq!(baggage.contains("region=eu"), keeps, "{baggage}");
    }
}

async fn spawn(calls: &Arc<Calls>) {
    let (client, url) = (calls.clients.refusing.clone(), calls.back.url("/call"));
    let alone = tokio::spawn(async move { client.get(url).send().await }).await.unwrap();
    assert!(matches!(CarryError::of(&alone.unwrap_err()), Some(CarryError::NoLineage)));
    let together = Arc::clone(calls);
    tokio::spawn(Ambience::capture().wrap(async move { together.make("/call").await })).await.unwrap();
    let built = |client: &ClientWithMiddleware| client.get(calls.back.url("/call"));
    for request in [built(&calls.clients.refusing), built(&calls.clients.originating)] {
        tokio::spawn(request.send()).await.unwrap().unwrap();
    }
}
