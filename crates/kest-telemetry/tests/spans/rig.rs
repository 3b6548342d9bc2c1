//! A file of spans, and the layers of a service around what a test does in its handler.

use std::convert::Infallible;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::Full;
use kest_baggage::trace;
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, FromLineage, Operation};
use kest_telemetry::{Exporter, Guard, export};
use kest_testkit::TestKest;
use kest_tower::{InboundBuilder, OperationLayer};
use serde_json::Value;
use tempfile::TempDir;
use tower::{Service, ServiceBuilder, service_fn};
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

/// The trace that the entry of `admission` names.
pub(crate) fn signed(admission: &Admission) -> String {
    admission.entry().labels().trace_id().unwrap().to_owned()
}

/// The headers of a request of the operation `admission`.
pub(crate) fn sent(admission: &Admission) -> HeaderMap {
    let mut headers = HeaderMap::new();
    trace::carry(&mut headers, admission);
    headers
}

/// What a request of the operation `admission` names: a trace and a span.
pub(crate) fn carried(admission: &Admission) -> (String, String) {
    let headers = sent(admission);
    let parts: Vec<_> = headers["traceparent"].to_str().unwrap().split('-').collect();
    (parts[1].to_owned(), parts[2].to_owned())
}

/// The operation `serve` of the service `cart`.
pub(crate) fn serve(kit: &TestKest) -> OperationLayer {
    OperationLayer::new(kit.admitter("cart").build(), Operation::from_static("serve"), dangerous_allow_all())
}

/// `serve` around `handler`, behind an inbound layer that takes the kit's passports.
pub(crate) fn service<Handler, Answering, Answer>(
    kit: &TestKest,
    handler: Handler,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<impl Body<Data = Bytes> + Send>,
    Error = Infallible,
    Future: Send,
> + Send
where
    Handler: Fn(Admission) -> Answering + Clone + Send,
    Answering: Future<Output = Answer> + Send,
    Answer: Body<Data = Bytes> + Default + Send,
{
    service_of(inbound(kit), serve(kit), handler)
}

/// Takes the kit's passports.
pub(crate) fn inbound(kit: &TestKest) -> InboundBuilder {
    kit.inbound().identity(FromLineage).dangerous_bearer_passports()
}

pub(crate) fn service_of<Handler, Answering, Answer>(
    inbound: InboundBuilder,
    serve: OperationLayer,
    handler: Handler,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<impl Body<Data = Bytes> + Send>,
    Error = Infallible,
    Future: Send,
> + Send
where
    Handler: Fn(Admission) -> Answering + Clone + Send,
    Answering: Future<Output = Answer> + Send,
    Answer: Body<Data = Bytes> + Default + Send,
{
    let handler = service_fn(move |request: Request<_>| {
        let answer = handler(request.extensions().get::<Admission>().unwrap().clone());
        async move { Ok::<_, Infallible>(Response::new(answer.await)) }
    });
    ServiceBuilder::new().layer(inbound.build()).layer(serve).service(handler)
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

    pub(crate) fn trace(&self) -> &str {
        self.text("traceId")
    }

    pub(crate) fn id(&self) -> &str {
        self.text("spanId")
    }

    /// Empty for the first of a trace.
    pub(crate) fn parent(&self) -> &str {
        self.text("parentSpanId")
    }

    /// The traces and spans that it is linked to.
    pub(crate) fn links(&self) -> Vec<(&str, &str)> {
        let links = self.0["links"].as_array().map(Vec::as_slice).unwrap_or_default();
        links.iter().map(|it| (it["traceId"].as_str().unwrap(), it["spanId"].as_str().unwrap())).collect()
    }

    pub(crate) fn end(&self) -> u128 {
        self.text("endTimeUnixNano").parse().unwrap()
    }

    /// Each value of the attribute `name`.
    pub(crate) fn attribute(&self, name: &str) -> Vec<&str> {
        let all = self.0["attributes"].as_array().unwrap();
        let named = all.iter().filter(|it| it["key"] == name);
        named.map(|it| it["value"]["stringValue"].as_str().unwrap()).collect()
    }

    /// Each value of the attribute `name`, which is a number.
    pub(crate) fn numbers(&self, name: &str) -> Vec<String> {
        let all = self.0["attributes"].as_array().unwrap();
        let named = all.iter().filter(|it| it["key"] == name);
        named.map(|it| it["value"]["intValue"].to_string().trim_matches('"').to_owned()).collect()
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
