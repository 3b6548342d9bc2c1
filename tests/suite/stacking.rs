//! Layers that were stacked wrongly or forgotten are loud, and no lineage is lost between them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::response::Redirect;
use axum::routing::{get, post};
use http::{Request, Response, StatusCode};
use kest_baggage::with_admission;
use kest_core::entry::{PolicyContext, PolicyName, Resource, Sanitizer, Tier};
use kest_core::policy::{AuthorizeError, Decision, Inquiry, all_of, dangerous_allow_all};
use kest_core::{Admission, Authorize, Kest, Operation, OperationError};
use kest_identity::IdentityChoice;
use kest_tests::forge::{self, Forge};
use kest_tests::{keys, raw};
use kest_tower::{InboundBuilder, InboundLayer, OperationLayer, Rejection, public, respond};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, ServiceExt as _};

use crate::refusals::keep;
use crate::text_of;

fn builder() -> InboundBuilder {
    InboundLayer::builder(keys::ring()).identity(IdentityChoice::from_lineage())
}

fn inbound() -> InboundLayer {
    builder().build()
}

fn operation() -> OperationLayer {
    OperationLayer::new(keys::kest("service"), Operation::named("call").unwrap(), dangerous_allow_all())
}

/// A request whose lineage is worth nothing.
fn worthless() -> Request<()> {
    let entries = vec![Forge::entry("gateway", 1, &[]).with("/trust_score", 0.into()).sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    Request::builder().header("baggage", header).body(()).unwrap()
}

#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Answers with the trust of the operation that runs.
    fn run(&self, request: &Request<()>) -> std::future::Ready<Result<Response<String>, Infallible>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let admission = request.extensions().get::<Admission>();
        let trust = admission.map(|it| it.entry().trust_score().to_string());
        std::future::ready(Ok(Response::new(trust.unwrap_or_default())))
    }
}

#[tokio::test]
async fn second_inbound_layer_does_not_replace_a_worthless_lineage_by_none() {
    let runs = Runs::default();
    let handler = runs.clone();
    let service = ServiceBuilder::new()
        .layer(inbound())
        .layer(inbound())
        .layer(operation().root_origin(kest_core::trust::Origin::system()))
        .service_fn(move |request| handler.run(&request));
    let kept = keep();
    let response = service.oneshot(worthless()).await.unwrap();
    assert_eq!((response.status().as_u16(), runs.count()), (500, 0));
    assert_eq!(text_of(response).await, "");
    assert!(kept.only("inbound", "second_arrival").contains("ERROR"));
}

#[tokio::test]
async fn inbound_layer_inside_an_operation_is_a_fault() {
    let runs = Runs::default();
    let handler = runs.clone();
    let service = ServiceBuilder::new()
        .layer(inbound())
        .layer(operation())
        .layer(inbound())
        .layer(operation())
        .service_fn(move |request| handler.run(&request));
    assert_eq!(service.oneshot(worthless()).await.unwrap().status(), 500);
    assert_eq!(runs.count(), 0);
}

#[tokio::test]
async fn operation_around_the_inbound_layer_is_a_fault() {
    let service = ServiceBuilder::new()
        .layer(operation())
        .layer(inbound())
        .service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("ran".to_owned())));
    let kept = keep();
    assert_eq!(service.oneshot(worthless()).await.unwrap().status(), 500);
    kept.only("operation", "no_arrival");
}

#[tokio::test]
async fn proof_put_there_by_somebody_further_out_is_a_fault_and_never_believed() {
    let forged = keys::chain(1).await;
    let runs = Runs::default();
    for what in ["arrival", "admission", "both"] {
        let handler = runs.clone();
        let service = ServiceBuilder::new()
            .layer(inbound())
            .layer(operation())
            .service_fn(move |request| handler.run(&request));
        let mut request = Request::new(());
        if what != "admission" {
            request.extensions_mut().insert(forged.arrival().clone());
        }
        if what != "arrival" {
            request.extensions_mut().insert(forged.clone());
        }
        let response = service.oneshot(request).await.unwrap();
        let kind = response.extensions().get::<Rejection>().map(|it| it.kind().as_str());
        assert_eq!((response.status().as_u16(), kind), (500, Some("second_arrival")), "{what}");
    }
    assert_eq!(runs.count(), 0);
}

#[tokio::test]
async fn call_within_the_process_keeps_its_lineage_or_is_refused() {
    let runs = Runs::default();
    let handler = runs.clone();
    let service = ServiceBuilder::new()
        .layer(inbound())
        .layer(operation().root_origin(kest_core::trust::Origin::system()))
        .service_fn(move |request| handler.run(&request));
    let caller = keys::chain(1).await;
    let forgetful = with_admission(caller.clone(), service.clone().oneshot(Request::new(()))).await.unwrap();
    assert_eq!((forgetful.status().as_u16(), runs.count()), (500, 0));
    let carrying = with_admission(caller, service.clone().oneshot(worthless())).await.unwrap();
    assert_eq!(text_of(carrying).await, "0");
    assert_eq!(
        text_of(service.oneshot(Request::new(())).await.unwrap()).await,
        "100",
        "outside of every request"
    );
}

/// Every kind of route that a service may have.
fn router(inbound: InboundLayer) -> Router {
    let guard = kest_tower::GuardLayer::for_roles(["clerk"]).unwrap();
    Router::new()
        .route("/forgotten/{id}", get(async || ([("x-leaked", "header")], "leaked")).post(async || "leaked"))
        .route("/moved", get(async || Redirect::to("/elsewhere")))
        .route("/cached", get(async || StatusCode::NOT_MODIFIED))
        .route("/empty", get(async || StatusCode::NO_CONTENT))
        .route("/refuses", get(async || (StatusCode::BAD_REQUEST, "no")))
        .route("/fails", get(async || (StatusCode::BAD_GATEWAY, "no")))
        .route("/operation", get(async || "asked").route_layer(operation()))
        .route("/guarded", get(async || "asked").route_layer(guard))
        .route("/public", get(async || "everybody's").route_layer(public()))
        .nest("/v1", Router::new().route("/forgotten", post(async || "leaked")))
        .layer(inbound)
}

async fn ask(router: Router, method: &str, path: &str) -> (u16, String, bool) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let leaked = response.headers().contains_key("x-leaked") || response.headers().contains_key("location");
    (response.status().as_u16(), text_of(response).await, leaked)
}

#[tokio::test]
async fn route_without_an_operation_does_not_answer() {
    for (method, path, route) in [
        ("GET", "/forgotten/TOPSECRET", "route=GET /forgotten/{id}"),
        ("HEAD", "/forgotten/TOPSECRET", "route=HEAD /forgotten/{id}"),
        ("POST", "/forgotten/TOPSECRET", "route=POST /forgotten/{id}"),
        ("GET", "/moved?TOPSECRET", "route=GET /moved"),
        ("GET", "/cached", "route=GET /cached"),
        ("GET", "/empty", "route=GET /empty"),
        ("POST", "/v1/forgotten", "route=POST /v1/forgotten"),
    ] {
        let kept = keep();
        assert_eq!(
            ask(router(inbound()), method, path).await,
            (500, String::new(), false),
            "{method} {path}"
        );
        let line = kept.only("inbound", "no_operation");
        assert!(line.contains("ERROR") && line.contains(route) && line.contains("public()"), "{line}");
        assert!(!line.contains("TOPSECRET"), "{line}");
    }
}

#[tokio::test]
async fn route_that_says_what_it_is_answers_and_so_does_a_no() {
    for (method, path, status, body) in [
        ("GET", "/operation", 200, "asked"),
        ("GET", "/public", 200, "everybody's"),
        ("GET", "/guarded", 401, ""),
        ("GET", "/refuses", 400, "no"),
        ("GET", "/fails", 502, "no"),
        ("GET", "/nowhere", 404, ""),
        ("DELETE", "/forgotten/7", 405, ""),
    ] {
        let (answered, said, _) = ask(router(inbound()), method, path).await;
        assert_eq!((answered, said.as_str()), (status, body), "{method} {path}");
    }
}

#[tokio::test]
async fn unguarded_routes_answer_where_that_was_said_aloud() {
    let allowing = || router(builder().dangerous_allow_unguarded_routes().build());
    assert_eq!(ask(allowing(), "GET", "/forgotten/7").await, (200, "leaked".to_owned(), true));
    assert_eq!(ask(allowing(), "GET", "/moved").await.0, 303);
}

#[tokio::test]
async fn forgotten_route_of_a_service_that_is_no_router_is_named_by_its_method_alone() {
    let service = ServiceBuilder::new()
        .layer(inbound())
        .service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("leaked".to_owned())));
    let ask = async |method: &str| {
        let kept = keep();
        let request = Request::builder().method(method).uri("/TOPSECRET").body(()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(text_of(response).await, "");
        let line = kept.only("inbound", "no_operation");
        assert!(!line.contains("TOPSECRET") && !line.contains("FORGED"), "{line}");
        line
    };
    assert!(ask("GET").await.contains("route=GET "));
    assert!(ask("FORGED").await.contains("route=(extension method)"));
}

#[tokio::test]
async fn grpc_method_without_an_operation_does_not_answer_and_an_unknown_method_says_so() {
    let ask = async |code: Option<&'static str>| {
        let inbound = builder().respond(respond::grpc).build();
        let service = ServiceBuilder::new().layer(inbound).service_fn(move |_: Request<()>| {
            let response = code.iter().fold(Response::builder(), |it, code| it.header("grpc-status", *code));
            std::future::ready(Ok::<_, Infallible>(response.body("leaked".to_owned()).unwrap()))
        });
        let response = service.oneshot(Request::new(())).await.unwrap();
        (response.headers()["grpc-status"].to_str().unwrap().to_owned(), text_of(response).await)
    };
    assert_eq!(ask(None).await, ("13".to_owned(), String::new()), "an answer");
    assert_eq!(ask(Some("0")).await, ("13".to_owned(), String::new()), "an empty answer");
    assert_eq!(ask(Some("12")).await, ("12".to_owned(), "leaked".to_owned()), "unimplemented");
}

async fn switch(route: axum::routing::MethodRouter) -> (String, String) {
    let router = Router::new().route("/socket", route).layer(inbound());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /socket HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: words\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, words) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), words.to_owned())
}

/// Switches to a protocol in which the server says who it works for.
async fn socket(mut request: axum::extract::Request) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    let ambience = kest_baggage::Ambience::capture();
    tokio::spawn(ambience.wrap(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let mut io = hyper_util::rt::TokioIo::new(upgraded);
        let entries = kest_baggage::current_admission().map(|it| it.passport().len());
        io.write_all(format!("{entries:?}").as_bytes()).await.unwrap();
        io.shutdown().await.unwrap();
    }));
    let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "words");
    response.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn upgraded_connection_works_under_the_lineage_that_was_handed_over() {
    let (status, words) = switch(get(socket).route_layer(operation())).await;
    assert_eq!((status.as_str(), words.as_str()), ("HTTP/1.1 101 Switching Protocols", "Some(1)"));
}

#[tokio::test]
async fn route_without_an_operation_does_not_switch_protocols() {
    let refuses = async || (StatusCode::UPGRADE_REQUIRED, "there is no way to switch");
    assert_eq!(
        switch(get(refuses)).await.0,
        "HTTP/1.1 500 Internal Server Error",
        "as extractors of frameworks do"
    );
    let (status, words) = switch(get(socket)).await;
    assert_eq!((status.as_str(), words.as_str()), ("HTTP/1.1 500 Internal Server Error", ""));
}

/// What would fail every request fails the start, with a message that says what to change.
#[test]
fn operation_that_can_never_be_signed_does_not_start() {
    let named = || Operation::named("call").unwrap();
    let reasoned = || Sanitizer::because("checked");
    for (what, operation, message) in [
        ("empty taint", named().taint(""), "taint"),
        ("endless taint", named().taint("x".repeat(10_000)), "taint"),
        ("too many taints", (0..10_000).fold(named(), |it, number| it.taint(number.to_string())), "taint"),
        ("empty taint removed", named().sanitizer(reasoned().removes("")), "taint"),
        ("no reason", named().sanitizer(Sanitizer::because("").removes("web")), "reason"),
        ("empty classification", named().classification(""), "classification"),
        ("endless classification", named().classification("x".repeat(257)), "classification"),
        ("resource of any kind", named().resource(Resource::new("*")), "resource"),
        ("resource without a name", named().resource(Resource::new("")), "resource"),
        ("endless resource", named().resource(Resource::new("x".repeat(10_000))), "resource"),
    ] {
        let built =
            OperationLayer::try_shared(keys::kest("service"), operation, Arc::new(dangerous_allow_all()));
        let error = built.expect_err(what).to_string();
        assert!(error.contains(message), "{what}: {error}");
    }
    for attributes in ["[]", "null", "7", "\"text\"", "true"] {
        assert!(Resource::new("order").with_attributes(attributes).is_err(), "{attributes}");
    }
    assert!(Resource::new("order").with_attributes("{}").is_ok());
}

#[test]
#[should_panic(expected = "operation call: sanitizer of the operation has no reason")]
fn layer_on_an_operation_that_can_never_be_signed_panics_by_name() {
    let operation = Operation::named("call").unwrap().sanitizer(Sanitizer::because(""));
    drop(OperationLayer::new(keys::kest("service"), operation, dangerous_allow_all()));
}

#[test]
fn policies_of_the_deployment_are_no_policy_of_an_operation() {
    let source =
        kest_policy::Source::text("shop.cedar", "@id(\"shop\") permit (principal, action, resource);");
    let configuration = kest_policy::Source::text("kest.toml", "app_policies = [\"shop\"]");
    let built = kest_policy::Policies::builder().text(source).configuration(configuration).build();
    let deployment: Arc<dyn Authorize> = built.unwrap().deployment();
    let joined: Arc<dyn Authorize> = Arc::new(all_of([Arc::clone(&deployment)]));
    for policy in [deployment, joined] {
        let operation = Operation::named("call").unwrap();
        let built = OperationLayer::try_shared(keys::kest("service"), operation, policy);
        assert_eq!(built.err(), Some(OperationError::DeploymentsPolicy));
    }
}

#[tokio::test]
async fn operation_cannot_record_a_policy_of_the_application_tier() {
    #[derive(Debug)]
    struct Usurper(Tier);
    #[async_trait::async_trait]
    impl Authorize for Usurper {
        async fn decide(&self, _: &Inquiry<'_>) -> Result<Decision, AuthorizeError> {
            let mut policies = PolicyContext::default();
            policies.push(Tier::Function, &PolicyName::new("own").unwrap());
            policies.push(self.0, &PolicyName::new("usurped").unwrap());
            Ok(Decision::Allow(policies))
        }
    }
    for tier in [Tier::Enterprise, Tier::Platform, Tier::Application] {
        let policy = Arc::new(Usurper(tier));
        let layer = OperationLayer::shared(keys::kest("service"), Operation::named("call").unwrap(), policy);
        let service = ServiceBuilder::new()
            .layer(inbound())
            .layer(layer)
            .service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("ran".to_owned())));
        let response = service.oneshot(Request::new(())).await.unwrap();
        let kind = response.extensions().get::<Rejection>().map(|it| it.kind().as_str());
        assert_eq!((response.status().as_u16(), kind), (500, Some("policy_misplaced")), "{tier}");
    }
}

#[test]
fn service_without_deployment_policies_says_so_once() {
    let (logs, _guard) = kest_tests::logs::Logs::keep();
    drop((operation(), operation()));
    let text = logs.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("no deployment policy")).collect();
    assert!(lines.len() == 1 && lines[0].contains("WARN"), "{text}");
    assert!(lines[0].contains("KestBuilder::deployment_policy"), "{text}");
}

#[tokio::test]
async fn strangers_trace_is_signed_only_where_a_passport_came() {
    const STRANGER: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const LINEAGE: &str = "d76533500a3597ea165ae60bdafe2a33";
    const TRACER: &str = "0af7651916cd43dd8448eb211c80319c";
    let good = format!("00-{STRANGER}-00f067aa0ba902b7-01");
    let entries = vec![Forge::entry("gateway", 1, &[]).sign()];
    let carried = forge::inline(&entries, &forge::tip(&entries));
    let empty = "kest.passport=%5B%5D,kest.chain_tip=0";
    for (what, baggage, header, tracer, signed) in [
        ("nothing", None, None, None, None),
        ("a stranger's", None, Some(good.as_str()), None, None),
        ("an empty passport", Some(empty), Some(&good), None, None),
        ("a passport and a header", Some(carried.as_str()), Some(&good), None, Some(STRANGER)),
        ("a passport alone", Some(&carried), None, None, Some(LINEAGE)),
        ("a passport and rubbish", Some(&carried), Some("00-1-2-3"), None, Some(LINEAGE)),
        ("a tracer and a stranger", None, Some(&good), Some(TRACER), Some(TRACER)),
        ("a tracer and all", Some(&carried), Some(&good), Some(TRACER), Some(TRACER)),
    ] {
        let named = tracer.and_then(kest_core::entry::TraceId::parse);
        let kest = Kest::builder(keys::signer("service")).trace_source(move || named).build();
        let layer =
            || OperationLayer::new(kest.clone(), Operation::named("call").unwrap(), dangerous_allow_all());
        let service = ServiceBuilder::new().layer(inbound()).layer(layer()).layer(layer()).service_fn(
            async |request: Request<()>| {
                let admission = request.extensions().get::<Admission>().unwrap().clone();
                let traces = admission.passport().entries().iter().rev().take(2);
                let traces: Vec<_> = traces.map(|it| it.labels().trace_id().unwrap().to_owned()).collect();
                Ok::<_, Infallible>(Response::new(traces.join(" ")))
            },
        );
        let request = Request::builder().method("POST");
        let request = baggage.iter().fold(request, |it, baggage| it.header("baggage", *baggage));
        let request = header.iter().fold(request, |it, header| it.header("traceparent", *header));
        let said = text_of(service.oneshot(request.body(()).unwrap()).await.unwrap()).await;
        let (inner, outer) = said.split_once(' ').unwrap();
        assert_eq!(inner, outer, "{what}: one request, one trace");
        match signed {
            Some(signed) => assert_eq!(inner, signed, "{what}"),
            None => {
                assert!(inner.len() == 32 && ![STRANGER, LINEAGE, TRACER].contains(&inner), "{what}: {inner}")
            }
        }
    }
}

#[tokio::test]
async fn forgotten_route_leaves_one_refusal_over_http_too() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let kept = keep();
    tokio::spawn(async move { axum::serve(listener, router(inbound())).await.unwrap() });
    let response = raw::to("/v1/forgotten").send(address).await;
    assert_eq!((response.status, response.body.as_str()), (500, ""));
    kept.only("inbound", "no_operation");
}
