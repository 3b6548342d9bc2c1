//! The three tracing setups.

use std::sync::OnceLock;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::propagation::{Extractor, TextMapCompositePropagator};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// What traces the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// A subscriber, and no OpenTelemetry.
    WithoutOpenTelemetry,
    /// tracing-opentelemetry, with the trace context propagator alone.
    OpenTelemetry,
    /// The same with OpenTelemetry's default propagators, of which one writes `baggage`.
    OpenTelemetryWithBaggage,
}

impl Setup {
    /// Installs it for the process, once.
    pub fn install(self) {
        static INSTALLED: OnceLock<Setup> = OnceLock::new();
        let installed = INSTALLED.get_or_init(|| {
            tracing::subscriber::set_global_default(self.subscriber("info")).unwrap();
            if self == Self::WithoutOpenTelemetry {
                return self;
            }
            let mut propagators: Vec<Box<dyn opentelemetry::propagation::TextMapPropagator + Send + Sync>> =
                vec![Box::new(TraceContextPropagator::new())];
            if self == Self::OpenTelemetryWithBaggage {
                propagators.push(Box::new(BaggagePropagator::new()));
            }
            opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(propagators));
            self
        });
        assert_eq!(*installed, self, "one setup in one process");
    }

    /// The subscriber, with what `filter` leaves of spans and events.
    pub(crate) fn subscriber(self, filter: &str) -> impl tracing::Subscriber + Send + Sync + use<> {
        let tracer = SdkTracerProvider::builder().build().tracer("kest-lineage");
        let opentelemetry = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing_subscriber::registry()
            .with(tracing_subscriber::EnvFilter::new(filter))
            .with((self != Self::WithoutOpenTelemetry).then_some(opentelemetry))
    }
}

/// Serves the request in a span that continues what the propagators find, as tracing middleware for servers does.
pub(crate) async fn traced(request: Request, next: Next) -> Response {
    let headers = Headers(request.headers());
    let parent = opentelemetry::global::get_text_map_propagator(|it| it.extract(&headers));
    let span = tracing::info_span!("request");
    drop(span.set_parent(parent));
    next.run(request).instrument(span).await
}

struct Headers<'headers>(&'headers http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
