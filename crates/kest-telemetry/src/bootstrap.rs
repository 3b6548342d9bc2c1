//! Starts the export of a service's spans, and ends it with everything sent.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use kest_core::BoxError;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::sink::Sink;

/// Where spans go.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exporter {
    /// A collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`. `/v1/traces` is added where the address has no
    /// path. Needs the feature `otlp`.
    Otlp(String),
    /// A file, made if it is missing and written at its end: one JSON object of OTLP a line, as collectors read and write it.
    File(PathBuf),
    /// A SQLite file, made if it is missing: a row of the table `kest_spans` for each span, which others may read meanwhile. The
    /// oldest go where it holds 1 GiB. Needs the feature `sqlite`.
    Sqlite(PathBuf),
}

/// The address of a collector may have a password in it.
impl fmt::Debug for Exporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Otlp(_) => formatter.debug_tuple("Otlp").finish_non_exhaustive(),
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Sqlite(path) => formatter.debug_tuple("Sqlite").field(path).finish(),
        }
    }
}

/// Exports the spans of the service `service` and writes its lines to standard error, both from the level INFO on: the process's
/// one subscriber. Of lines `RUST_LOG` may say otherwise.
///
/// Keep the guard until the end of `main`: dropping it sends what is left.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use kest_telemetry::{Exporter, bootstrap};
///
/// # let spans = std::env::temp_dir().join(format!("kest-telemetry-{}.jsonl", std::process::id()));
/// let guard = bootstrap("cart", Exporter::File(spans.clone()))?;
/// tracing::info_span!("start").in_scope(|| tracing::info!("serving"));
/// drop(guard);
/// assert!(std::fs::read_to_string(&spans)?.contains("\"cart\""));
/// # std::fs::remove_file(spans)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`BootstrapError`], also where the process has a subscriber: give that one the layer of [`export`].
pub fn bootstrap(service: impl Into<String>, exporter: Exporter) -> Result<Guard, BootstrapError> {
    let (spans, guard) = export(&service.into(), exporter)?;
    let lines = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(lines);
    let subscriber = tracing_subscriber::registry().with(spans).with(lines);
    subscriber.try_init().map_err(BootstrapError::subscriber)?;
    Ok(guard)
}

/// The layer that exports the spans of the service `service` from the level INFO on, for a subscriber of the service's own; and
/// the guard that sends what is left when it is dropped.
///
/// Each span is of the scope that its target names: `kest.core` are ours. Lines are not exported, as events of spans neither.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use kest_telemetry::{Exporter, export};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// # let path = std::env::temp_dir().join(format!("kest-telemetry-layer-{}.jsonl", std::process::id()));
/// let (spans, _guard) = export("cart", Exporter::File(path.clone()))?;
/// let subscriber = tracing_subscriber::registry().with(spans).with(tracing_subscriber::fmt::layer());
/// # drop(subscriber);
/// # std::fs::remove_file(path)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`BootstrapError`].
pub fn export<S>(
    service: &str,
    exporter: Exporter,
) -> Result<(impl Layer<S> + Send + Sync + use<S>, Guard), BootstrapError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let sink = Sink::open(exporter)?;
    let resource = Resource::builder().with_service_name(service.to_owned()).build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(sink).build();
    let tracer = provider.tracer(kest_core::span::SCOPE);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_error_events_to_status(false)
        .with_error_events_to_exceptions(false)
        .with_filter(spans_alone());
    // Said before by another layer of this kind, it is the same.
    if let Err(error) = crate::propagate::install() {
        tracing::debug!("{error}");
    }
    Ok((layer, Guard { provider }))
}

/// Lines stay where lines are written: what a service logs about users and paths is nothing for a collector of spans.
fn spans_alone<S>() -> impl Filter<S> {
    let wanted = |it: &Metadata<'_>| it.is_span() && *it.level() <= LevelFilter::INFO;
    filter_fn(wanted).with_max_level_hint(LevelFilter::INFO)
}

/// Sends what is left when it is dropped, for five seconds at most; nothing is exported afterwards.
///
/// That blocks its thread. Drop it when requests have ended, at the end of `main`.
#[must_use = "spans are exported as long as it lives"]
pub struct Guard {
    provider: SdkTracerProvider,
}

impl Guard {
    /// Sends what has ended so far.
    ///
    /// # Errors
    ///
    /// [`FlushError`] when it could not all be sent; those spans are lost.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.provider.force_flush().map_err(|cause| FlushError(cause.into()))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_WAIT) {
            tracing::warn!("spans are lost: {error}");
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// As long as the orchestrators of containers leave beside the end of requests.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Spans could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("spans could not be sent")]
pub struct FlushError(#[source] BoxError);

/// The export of spans cannot start: a fault of the configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The collector's address cannot be used.
    #[error("address of the collector cannot be used")]
    Address(#[source] BoxError),
    /// The program was built without the feature `otlp`.
    #[error("export over OTLP needs the feature otlp of kest")]
    WithoutOtlp,
    /// The program was built without the feature `sqlite`.
    #[error("export into SQLite needs the feature telemetry-sqlite of kest")]
    WithoutSqlite,
    /// The file cannot be written.
    #[error("file for spans cannot be written")]
    File(#[source] std::io::Error),
    /// The process has a subscriber already.
    #[error("process has a subscriber already: give it the layer of export")]
    Subscriber(#[source] BoxError),
}

impl BootstrapError {
    fn subscriber(cause: impl Into<BoxError>) -> Self {
        Self::Subscriber(cause.into())
    }
}
