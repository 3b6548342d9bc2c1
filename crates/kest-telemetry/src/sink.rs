//! Takes batches of spans, each under the scope that its target names, and sends them to where they go.

use std::path::Path;

use opentelemetry::InstrumentationScope;
use opentelemetry::Value;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::bootstrap::{BootstrapError, Exporter};
use crate::file::SpanFile;
#[cfg(feature = "sqlite")]
use crate::sqlite::Rows;
use crate::telemetry;

#[derive(Debug)]
pub(crate) enum Sink {
    #[cfg(feature = "otlp")]
    Otlp(Box<opentelemetry_otlp::SpanExporter>),
    File(SpanFile),
    #[cfg(feature = "sqlite")]
    Sqlite(Rows),
}

impl Sink {
    pub(crate) fn open(exporter: Exporter) -> Result<Self, BootstrapError> {
        match exporter {
            Exporter::Otlp(address) => Self::otlp(&address),
            Exporter::File(path) => Ok(Self::File(SpanFile::open(&path)?)),
            Exporter::Sqlite(path) => Self::sqlite(&path),
        }
    }

    #[cfg(feature = "sqlite")]
    fn sqlite(path: &Path) -> Result<Self, BootstrapError> {
        Rows::open(path).map(Self::Sqlite)
    }

    #[cfg(not(feature = "sqlite"))]
    fn sqlite(_path: &Path) -> Result<Self, BootstrapError> {
        Err(BootstrapError::WithoutSqlite)
    }

    #[cfg(feature = "otlp")]
    fn otlp(address: &str) -> Result<Self, BootstrapError> {
        use opentelemetry_otlp::WithExportConfig as _;

        let endpoint = traces_at(address)?;
        let built = opentelemetry_otlp::SpanExporter::builder().with_http().with_endpoint(endpoint).build();
        built.map(|it| Self::Otlp(Box::new(it))).map_err(|cause| BootstrapError::Address(cause.into()))
    }

    #[cfg(not(feature = "otlp"))]
    fn otlp(_address: &str) -> Result<Self, BootstrapError> {
        Err(BootstrapError::WithoutOtlp)
    }
}

/// The address that traces go to: `/v1/traces` where it has no path of its own.
#[cfg(feature = "otlp")]
fn traces_at(address: &str) -> Result<String, BootstrapError> {
    let uri: http::Uri = address.parse().map_err(|cause| BootstrapError::Address(Box::new(cause)))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(BootstrapError::Address("address is no http or https URL".into()));
    }
    let bare = uri.path() == "/" && uri.query().is_none();
    Ok(if bare { format!("{}/v1/traces", address.trim_end_matches('/')) } else { address.to_owned() })
}

impl SpanExporter for Sink {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let batch = batch.into_iter().map(of_its_scope).collect();
        let exported = match self {
            #[cfg(feature = "otlp")]
            Self::Otlp(exporter) => exporter.export(batch).await,
            Self::File(file) => file.write(batch),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(rows) => rows.write(batch),
        };
        exported.inspect_err(|_| telemetry::lost(spans))
    }

    #[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "what a file was given is written"))]
    fn shutdown_with_timeout(&self, timeout: std::time::Duration) -> OTelSdkResult {
        match self {
            #[cfg(feature = "otlp")]
            Self::Otlp(exporter) => exporter.shutdown_with_timeout(timeout),
            Self::File(_) => Ok(()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(rows) => rows.close(),
        }
    }

    fn set_resource(&mut self, resource: &Resource) {
        match self {
            #[cfg(feature = "otlp")]
            Self::Otlp(exporter) => exporter.set_resource(resource),
            Self::File(file) => file.set_resource(resource),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(rows) => rows.set_resource(resource),
        }
    }
}

/// The scope of a span is what made it: its target, not the one tracer that all spans of a subscriber have.
fn of_its_scope(mut span: SpanData) -> SpanData {
    let place = span.attributes.iter().position(|it| it.key.as_str() == "target");
    if let Some(place) = place
        && let Value::String(target) = span.attributes.swap_remove(place).value
    {
        span.instrumentation_scope = InstrumentationScope::builder(String::from(target)).build();
    }
    span
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use super::*;

    #[test]
    fn path_of_the_address_is_kept_and_added_where_there_is_none() {
        for (said, asked) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.example/tenants/a/v1/traces", "https://otel.example/tenants/a/v1/traces"),
        ] {
            assert_eq!(traces_at(said).unwrap(), asked);
        }
    }

    #[test]
    fn address_that_is_no_url_of_http_does_not_start() {
        for said in ["", "127.0.0.1:4318", "ftp://otel.example", "http//x", "/v1/traces"] {
            let error = Sink::open(Exporter::Otlp(said.to_owned())).unwrap_err();
            assert!(matches!(error, BootstrapError::Address(_)), "{said}: {error:?}");
        }
    }
}
