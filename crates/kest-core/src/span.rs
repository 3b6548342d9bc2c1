//! The spans that operators see: `kest.inbound` around a request, `kest.verified.<operation>` around an operation.
//!
//! They are spans of [`tracing`] with the target [`SCOPE`], so that any subscriber takes them, OpenTelemetry's too, and cost one
//! branch where none does. An attribute is a name of the service's own configuration or was proved: nothing else that a
//! request contained stands in one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Span;
use tracing::field::{Empty, display};

use crate::entry::{Entry, EntryHash, OperationName};
use crate::passport::Passport;
use crate::refusal::{Shown, Step};
use crate::tracer::{self, trace_of};

/// The target of the spans, and the scope under which they are exported.
pub const SCOPE: &str = "kest.core";

/// The span around one request, until its answer begins.
#[must_use]
pub fn inbound() -> Span {
    inbound_as("server")
}

/// The span around a message, until its last operation was admitted.
#[must_use]
pub fn inbound_message() -> Span {
    inbound_as("consumer")
}

fn inbound_as(kind: &'static str) -> Span {
    tracing::info_span!(
        target: "kest.core",
        "kest.inbound",
        "otel.kind" = kind,
        "otel.status_code" = Empty,
        "otel.status_description" = Empty,
        "error.type" = Empty,
        "rpc.grpc.status_code" = Empty,
        "kest.refusal.step" = Empty,
        "kest.refusal.cause" = Empty,
    )
}

/// Says in `span` that a request or an operation was refused: where, and the stable names of what was wrong.
pub fn refused(span: &Span, step: Step, kind: &'static str, cause: Option<&str>) {
    if span.is_disabled() {
        return;
    }
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", kind);
    span.record("error.type", kind);
    span.record("kest.refusal.step", step.as_str());
    if let Some(cause) = cause {
        span.record("kest.refusal.cause", cause);
    }
}

/// Says in `span` that what ran in it failed on its own account: an answer of the class 5xx, or an error in place of one.
pub fn failed(span: &Span, kind: &str) {
    if !span.is_disabled() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", kind);
    }
}

/// Says in `span` with which code an answer of gRPC ended: an error where its counterpart in HTTP is of the class 5xx.
pub fn answered_grpc(span: &Span, code: u8) {
    if span.is_disabled() {
        return;
    }
    span.record("rpc.grpc.status_code", i64::from(code));
    if http_status_of_grpc(code) >= 500 {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", display(code));
    }
}

/// What `google/rpc/code.proto` says of each code. One that is not there counts as unknown, as it does for clients of gRPC.
pub(crate) fn http_status_of_grpc(code: u8) -> u16 {
    match code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// The name is static, as those of `tracing` are: what the operation is called stands in a field.
macro_rules! verified {
    ($name:expr, $($parent:tt)*) => {
        tracing::info_span!(
            target: "kest.core",
            $($parent)*
            "kest.verified",
            "otel.name" = %Title($name),
            "otel.status_code" = Empty,
            "otel.status_description" = Empty,
            "error.type" = Empty,
            "rpc.grpc.status_code" = Empty,
            "kest.operation" = Empty,
            "kest.entry_id" = Empty,
            "kest.workload_id" = Empty,
            "kest.trust_score" = Empty,
            "kest.parent_hash" = Empty,
            "kest.signature" = Empty,
            "kest.passport" = Empty,
            "kest.refusal.step" = Empty,
            "kest.refusal.cause" = Empty,
        )
    };
    ($name:expr) => {
        verified!($name,)
    };
}

/// The span around one operation, from before policy is asked until the last that holds its admission lets go of it.
#[derive(Debug, Clone)]
pub struct OperationSpan {
    span: Span,
    /// None where the span is switched off.
    naming: Option<Arc<Naming>>,
}

impl OperationSpan {
    /// Begins the span of an operation called `name`, in the running span.
    #[must_use]
    pub fn begin(name: &OperationName) -> Self {
        Self::of(verified!(name), name)
    }

    /// Begins the span of an operation called `name` that `outer` caused: in the running span where that is of the same trace, else in
    /// `outer`. A task, a thread or a stream may run in no span, or in one of its own.
    #[must_use]
    pub fn begin_within(name: &OperationName, outer: &Span) -> Self {
        let running = Span::current();
        if outer.is_disabled() || (!running.is_none() && trace_of(&running) == trace_of(outer)) {
            return Self::begin(name);
        }
        Self::of(verified!(name, parent: outer,), name)
    }

    fn of(span: Span, name: &OperationName) -> Self {
        let naming = || Naming { span: span.clone(), begun: name.clone(), said: AtomicBool::new(false) };
        let naming = (!span.is_disabled()).then(|| Arc::new(naming()));
        Self { span, naming }
    }

    /// The span.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Calls the operation as it was named in the end.
    pub(crate) fn named(&self, name: &OperationName) {
        let Some(naming) = &self.naming else { return };
        if naming.begun.as_str() != name.as_str() {
            let title = Title(name).to_string();
            self.span.record("otel.name", title.as_str());
            // A span that was begun takes no name from its fields any more.
            if let Some(tracer) = tracer::installed() {
                tracer.rename(&self.span, &title);
            }
        }
        naming.say(name);
    }

    /// Says what was signed: the attributes of the protocol.
    pub(crate) fn signed(&self, entry: &Entry, passport: &Passport, passports: Passports) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("kest.entry_id", display(entry.entry_id()));
        self.span.record("kest.workload_id", entry.workload().as_str());
        self.span.record("kest.trust_score", entry.trust_score().value());
        self.span.record("kest.parent_hash", display(Parents(entry.parents())));
        self.span.record("kest.signature", entry.compact().rsplit('.').next().unwrap_or_default());
        if passports == Passports::Shown {
            self.span.record("kest.passport", display(Listed(passport)));
        }
    }
}

/// Tracers keep each value that a field was given: what the operation is called is said once, when that is known for good. One
/// that was refused before is called as it was begun.
#[derive(Debug)]
struct Naming {
    span: Span,
    begun: OperationName,
    said: AtomicBool,
}

impl Naming {
    fn say(&self, name: &OperationName) {
        if !self.said.swap(true, Ordering::Relaxed) {
            self.span.record("kest.operation", name.as_str());
        }
    }
}

impl Drop for Naming {
    fn drop(&mut self) {
        self.say(&self.begun);
    }
}

/// Whether spans show the whole passport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Passports {
    #[default]
    Hidden,
    Shown,
}

/// The name that an exporter gives the span, on one line.
struct Title<'it>(&'it OperationName);

impl std::fmt::Display for Title<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "kest.verified.{}", Shown(self.0.as_str()))
    }
}

/// The parents as the entry has them: `0` for a root, else each hash.
struct Parents<'it>(&'it [EntryHash]);

impl std::fmt::Display for Parents<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("0");
        }
        for (place, parent) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(formatter, "{comma}{parent}")?;
        }
        Ok(())
    }
}

/// The passport as it travels inline. Compact entries need no escape in JSON.
struct Listed<'it>(&'it Passport);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[")?;
        for (place, entry) in self.0.entries().iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(formatter, "{comma}\"{}\"", entry.compact())?;
        }
        formatter.write_str("]")
    }
}
