//! Spans of Kest in OpenTelemetry: trace context in and out, export over OTLP, or into a file or SQLite.
//!
//! ```no_run
//! use kest_telemetry::{Exporter, bootstrap};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let _guard = bootstrap("cart", Exporter::Otlp("http://127.0.0.1:4318".to_owned()))?;
//! // Serve.
//! # Ok(())
//! # }
//! ```
//!
//! A service with a subscriber of its own gives that the layer of [`export`]. One that has tracing-opentelemetry's layer in it
//! already, in the version that this crate has, says [`install`] alone; with another version it says
//! [`AdmitterBuilder::trace_source`](kest_core::AdmitterBuilder::trace_source).
//!
//! # Limits and caveats
//!
//! Spans are for operators and may be dropped: when the collector is away, or slower than the service, those that do not fit the
//! queue are lost, and lines of the targets `opentelemetry_sdk` and `kest_spans_lost_total` say so. What must not be lost is the audit log. The collector is asked by OpenTelemetry's own client, from a thread
//! of its own; that client reads the variables `OTEL_*` and those of proxies. A span goes out when it has ended.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![expect(clippy::doc_markdown, reason = "SQLite is a name and no code")]

mod bootstrap;
mod file;
mod propagate;
mod sink;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod telemetry;

pub use bootstrap::{BootstrapError, Exporter, FlushError, Guard, bootstrap, export};
pub use propagate::install;
