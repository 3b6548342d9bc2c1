//! Spans as rows of a SQLite file, each within bounds: what strangers make long is left out and counted.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kest_sql::{FinishedSpan, SpanTable};
use opentelemetry::trace::{Link, SpanId, SpanKind, Status};
use opentelemetry::{Array, Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, json};

use crate::bootstrap::BootstrapError;

#[derive(Debug)]
pub(crate) struct Rows {
    table: SpanTable,
    service: String,
}

impl Rows {
    pub(crate) fn open(path: &Path) -> Result<Self, BootstrapError> {
        let table = SpanTable::builder(path).open().map_err(BootstrapError::File)?;
        Ok(Self { table, service: String::new() })
    }

    pub(crate) fn set_resource(&mut self, resource: &Resource) {
        let service = resource.get(&Key::from_static_str("service.name"));
        self.service = service.map(|it| it.as_str().into_owned()).unwrap_or_default();
    }

    pub(crate) fn write(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let rows = batch.into_iter().map(|span| row(span, &self.service)).collect();
        self.table.write(rows).map_err(|cause| OTelSdkError::InternalFailure(cause.to_string()))
    }

    pub(crate) fn close(&self) -> OTelSdkResult {
        self.table.close().map_err(|cause| OTelSdkError::InternalFailure(cause.to_string()))
    }
}

fn row(span: SpanData, service: &str) -> FinishedSpan {
    let (attributes, left_out) = attributes(&span.attributes);
    let (status, message) = match span.status {
        Status::Unset => (kest_sql::SpanStatus::Unset, String::new()),
        Status::Ok => (kest_sql::SpanStatus::Ok, String::new()),
        Status::Error { description } => (kest_sql::SpanStatus::Error, short(&description)),
    };
    FinishedSpan {
        trace_id: span.span_context.trace_id().to_string(),
        span_id: span.span_context.span_id().to_string(),
        parent_span_id: (span.parent_span_id != SpanId::INVALID).then(|| span.parent_span_id.to_string()),
        service: short(service),
        scope: short(span.instrumentation_scope.name()),
        name: short(&span.name),
        kind: kind(&span.span_kind),
        start_unix_nano: nanoseconds(span.start_time),
        end_unix_nano: nanoseconds(span.end_time),
        status,
        status_message: message,
        attributes,
        dropped_attributes: span.dropped_attributes_count.saturating_add(left_out),
        links: links(&span.links),
    }
}

/// One JSON object of those that fit, and how many do not.
fn attributes(all: &[KeyValue]) -> (String, u32) {
    let (mut object, mut room, mut left_out) = (Map::new(), ATTRIBUTES_BYTES, 0_u32);
    for KeyValue { key, value, .. } in all {
        let value = json_of(value);
        // As it will stand there: a character may take six.
        let member = json!({ key.as_str(): value }).to_string().len();
        match room.checked_sub(member) {
            Some(less) => {
                room = less;
                object.insert(key.as_str().to_owned(), value);
            }
            None => left_out = left_out.saturating_add(1),
        }
    }
    (serde_json::Value::Object(object).to_string(), left_out)
}

fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(it) => json!(it),
        Value::I64(it) => json!(it),
        // What JSON has no number for is told by its name.
        Value::F64(it) if it.is_finite() => json!(it),
        Value::String(it) => json!(it.as_str()),
        Value::Array(Array::Bool(it)) => json!(it),
        Value::Array(Array::I64(it)) => json!(it),
        Value::Array(Array::F64(it)) => json!(it),
        Value::Array(Array::String(it)) => it.iter().map(opentelemetry::StringValue::as_str).collect(),
        Value::F64(_) | Value::Array(_) | _ => json!(value.as_str()),
    }
}

fn links(all: &[Link]) -> String {
    let named = |link: &Link| {
        let context = &link.span_context;
        json!({ "traceId": context.trace_id().to_string(), "spanId": context.span_id().to_string() })
    };
    all.iter().map(named).collect::<serde_json::Value>().to_string()
}

fn kind(kind: &SpanKind) -> kest_sql::SpanKind {
    match kind {
        SpanKind::Client => kest_sql::SpanKind::Client,
        SpanKind::Server => kest_sql::SpanKind::Server,
        SpanKind::Producer => kest_sql::SpanKind::Producer,
        SpanKind::Consumer => kest_sql::SpanKind::Consumer,
        SpanKind::Internal => kest_sql::SpanKind::Internal,
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The beginning of a text.
fn short(text: &str) -> String {
    let end = (0..=TEXT_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
}

/// Of a name or a message.
const TEXT_BYTES: usize = 1024;
/// Of all attributes of a span: room for a whole passport, where those are shown.
const ATTRIBUTES_BYTES: usize = 64 * 1024;
