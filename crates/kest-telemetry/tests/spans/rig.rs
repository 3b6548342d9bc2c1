//! A file of spans, and the layers of a service around what a test does in its handler.

use std::path::PathBuf;

use kest_telemetry::{Exporter, Guard, export};
use serde_json::Value;
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

/// The spans of this thread, as long as it lives.
pub(crate) struct Export {
    _subscriber: DefaultGuard,
    guard: Guard,
    path: PathBuf,
    _folder: TempDir,
}

impl Export {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("spans.jsonl");
        let (spans, guard) = export("cart", Exporter::File(path.clone())).unwrap();
        let subscriber = tracing_subscriber::registry().with(spans);
        Self { _subscriber: tracing::subscriber::set_default(subscriber), guard, path, _folder: folder }
    }

    /// All spans that have ended.
    pub(crate) fn spans(&self) -> Vec<Exported> {
        self.guard.flush().unwrap();
        let written = std::fs::read_to_string(&self.path).unwrap();
        let batches = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of = |it: &Value, name: &str| it[name].as_array().cloned().unwrap_or_default();
        let resources = batches.flat_map(|batch| of(&batch, "resourceSpans"));
        let scopes = resources.flat_map(|it| of(&it, "scopeSpans"));
        scopes.flat_map(|it| of(&it, "spans")).map(Exported).collect()
    }

    /// The one span of this name.
    #[track_caller]
    pub(crate) fn span(&self, name: &str) -> Exported {
        let all = self.spans();
        let mut named = all.iter().filter(|it| it.name() == name);
        match (named.next(), named.next()) {
            (Some(one), None) => one.clone(),
            _ => panic!("not one {name}: {all:#?}"),
        }
    }
}

/// A span as OTLP's JSON has it.
#[derive(Debug, Clone)]
pub(crate) struct Exported(Value);

impl Exported {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    pub(crate) fn events(&self) -> usize {
        self.0["events"].as_array().map_or(0, Vec::len)
    }

    /// The status, none where it was not set.
    pub(crate) fn status(&self) -> (u64, &str) {
        let status = &self.0["status"];
        (status["code"].as_u64().unwrap_or(0), status["message"].as_str().unwrap_or_default())
    }
}
