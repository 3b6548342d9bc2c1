//! A file of spans: one JSON object of OTLP a line, as collectors read and write it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;

use crate::bootstrap::BootstrapError;

#[derive(Debug)]
pub(crate) struct SpanFile {
    file: Mutex<File>,
    resource: ResourceAttributesWithSchema,
}

impl SpanFile {
    /// Opens it for its owner's eyes: spans name operations and workloads.
    pub(crate) fn open(path: &Path) -> Result<Self, BootstrapError> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(BootstrapError::File)?;
        Ok(Self { file: Mutex::new(file), resource: ResourceAttributesWithSchema::default() })
    }

    pub(crate) fn set_resource(&mut self, resource: &Resource) {
        self.resource = ResourceAttributesWithSchema::from(resource);
    }

    /// Writes a batch as one line, in one piece.
    pub(crate) fn write(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let request = ExportTraceServiceRequest { resource_spans };
        let mut line = serde_json::to_vec(&request).map_err(failed)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).map_err(failed)
    }
}

fn failed(cause: impl std::fmt::Display) -> OTelSdkError {
    OTelSdkError::InternalFailure(cause.to_string())
}
