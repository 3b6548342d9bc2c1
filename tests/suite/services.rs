//! The layers around services that are not axum, nested operations, joins, and layers that were forgotten.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use kest_baggage::{RunNested as _, current_admission, run_admitted};
use kest_core::entry::{Resource, TraceId};
use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::trust::Origin;
use kest_core::{Admission, Admitter, Operation};
use kest_identity::IdentityChoice;
use kest_tests::{keys, raw};
use kest_tower::{InboundLayer, OperationLayer, Rejection, RejectionKind, public, respond};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::text_of;

fn inbound() -> InboundLayer {
    InboundLayer::builder(keys::ring())
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .build()
}

fn operation() -> OperationLayer {
    OperationLayer::new(
        Admitter::builder(keys::signer("service")).build(),
        Operation::named("plain").unwrap(),
        dangerous_allow_all(),
    )
}

#[tokio::test]
async fn plain_hyper_service_is_protected() {
    let service = ServiceBuilder::new().layer(inbound()).layer(operation()).service_fn(
        |request: Request<_>| async move {
            let admission = request.extensions().get::<Admission>().unwrap();
            let text = format!("{} {}", admission.passport().len(), current_admission().is_some());
            Ok::<_, Infallible>(Response::new(FullBody::from(text)))
        },
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _closed = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    let admitted = raw::call().send(address).await;
    assert_eq!((admitted.status, admitted.body.as_str()), (200, "1 true"));
    let refused = raw::call().baggage("kest.chain_tip=0").send(address).await;
    assert_eq!((refused.status, refused.body.as_str()), (400, ""));
}

type FullBody = http_body_util::Full<Bytes>;

#[tokio::test]
async fn operation_layer_without_inbound_layer_refuses_loudly() {
    let service = ServiceBuilder::new()
        .layer(operation())
        .service_fn(|_: Request<_>| async { Ok::<_, Infallible>(Response::new(String::from("ran"))) });
    let response = service.oneshot(Request::new(String::new())).await.unwrap();
    assert_eq!(response.extensions().get::<Rejection>().unwrap().kind(), RejectionKind::NoArrival);
    assert_eq!((response.status().as_u16(), text_of(response).await.as_str()), (500, ""));
}

#[tokio::test]
async fn grpc_service_gets_trailers_only_refusals() {
    let inbound = InboundLayer::builder(keys::ring())
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .respond(respond::grpc)
        .build();
    let service = ServiceBuilder::new()
        .layer(inbound)
        .service_fn(|_: Request<_>| async { Ok::<_, Infallible>(Response::new(String::from("ran"))) });
    let request = Request::builder().header("baggage", "kest.chain_tip=0").body(String::new()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "3");
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!((response.status().as_u16(), text_of(response).await.as_str()), (200, ""));
}

#[tokio::test]
async fn policy_sees_the_resource_and_the_entry_records_it() {
    let layer = OperationLayer::new(
        Admitter::builder(keys::signer("service")).build(),
        Operation::named("read").unwrap(),
        policy_fn("own_orders", |it| it.resource().id() == Some("/orders/7")).unwrap(),
    )
    .resource(|parts| Resource::new(parts.uri.path()).with_attributes(r#"{"z": 1, "a": "ä"}"#).unwrap());
    let service =
        ServiceBuilder::new().layer(inbound()).layer(layer).service_fn(|request: Request<_>| async move {
            let admission = request.extensions().get::<Admission>().unwrap().clone();
            let labels = admission.entry().labels();
            let text = format!("{:?} {:?}", labels.get("kest.resource_id"), labels.get("kest.resource_attr"));
            Ok::<_, Infallible>(Response::new(text))
        });
    let call =
        |path: &str| service.clone().oneshot(Request::builder().uri(path).body(String::new()).unwrap());
    let (allowed, denied) = (call("/orders/7").await.unwrap(), call("/orders/8").await.unwrap());
    assert_eq!(text_of(allowed).await, r#"Some("/orders/7") Some("{\"a\":\"ä\",\"z\":1}")"#);
    assert_eq!(denied.status().as_u16(), 403);
}

#[tokio::test]
async fn trace_of_the_services_own_tracer_comes_before_the_header() {
    let tracer = TraceId::parse("0af7651916cd43dd8448eb211c80319c");
    let kest = Admitter::builder(keys::signer("service")).trace_source(move || tracer).build();
    let layer = OperationLayer::new(kest, Operation::named("read").unwrap(), dangerous_allow_all());
    let service =
        ServiceBuilder::new().layer(inbound()).layer(layer).service_fn(|_request: Request<_>| async {
            Ok::<_, Infallible>(Response::new(kest_baggage::current_trace_id().unwrap().to_string()))
        });
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = Request::builder().header("traceparent", traceparent).body(String::new()).unwrap();
    assert_eq!(text_of(service.oneshot(request).await.unwrap()).await, "0af7651916cd43dd8448eb211c80319c");
}

#[tokio::test]
async fn nested_operation_runs_under_its_own_entry_and_hands_the_outer_one_back() {
    let outer = keys::chain(1).await;
    let lengths = run_admitted(outer, async |admission| {
        let inner = admission
            .operation(Operation::named("resize").unwrap().taint("thumbnail"))
            .run(&dangerous_allow_all(), async |nested: Admission| {
                assert!(nested.entry().taints().contains("thumbnail"));
                kest_baggage::current_passport().unwrap().len()
            })
            .await
            .unwrap();
        (inner, kest_baggage::current_passport().unwrap().len())
    })
    .await;
    assert_eq!(lengths, (2, 1));
}

#[tokio::test]
async fn denied_nested_operation_does_not_run() {
    let outer = keys::chain(1).await;
    let ran = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let denied = outer
        .operation(Operation::named("delete").unwrap())
        .run(&policy_fn("never", |_| false).unwrap(), async move |_| {
            flag.store(true, std::sync::atomic::Ordering::SeqCst);
        })
        .await;
    assert!(denied.is_err() && !ran.load(std::sync::atomic::Ordering::SeqCst));
}

#[tokio::test]
async fn joined_branches_are_all_parents_and_the_weakest_counts() {
    let root = keys::chain(1).await;
    let clean = keys::follow(&root, "orders", Operation::named("clean").unwrap()).await;
    let web = Operation::named("fetch").unwrap().origin(Origin::internet()).taint("web");
    let fetched = keys::follow(&root, "ledger", web).await;
    let joined = clean
        .join([&fetched])
        .unwrap()
        .admit(&Operation::named("merge").unwrap(), &dangerous_allow_all())
        .await
        .unwrap();
    assert_eq!((joined.passport().len(), joined.entry().parents().len()), (4, 2));
    assert_eq!(joined.entry().trust_score().value(), 10);
    assert!(joined.entry().taints().contains("web"));
    let limits = kest_core::Limits::default();
    let carried = kest_core::UnverifiedPassport::from_json(
        joined.passport().to_json().as_bytes(),
        joined.passport().tips(),
        &limits,
    )
    .unwrap();
    assert!(kest_core::Verifier::new(limits).verify(carried, &keys::ring()).is_ok());
}

#[tokio::test]
async fn two_tips_that_name_different_users_name_nobody() {
    use kest_tests::forge::{self, inline};
    let first = forge::entry("gateway", 1, &[]).sign();
    let bob = forge::entry("orders", 2, &[&first])
        .label("kest.identity", r#"{"agent":null,"task":null,"user":"bob"}"#)
        .label("kest.identity_source", "jwt")
        .sign();
    let alice = forge::entry("ledger", 3, &[&first]).sign();
    let hash = |entry: &str| kest_core::entry::EntryHash::of(entry).to_hex();
    let tips = format!("{},{}", hash(&bob), hash(&alice));
    let service = kest_tests::service::Service::start().await;
    let seen = service.admitted(&raw::call().baggage(inline(&[first, bob, alice], &tips))).await;
    assert_eq!((&seen["user"], &seen["source"]), (&serde_json::Value::Null, &"anonymous".into()));
}

#[tokio::test]
async fn operation_layer_inside_another_continues_its_lineage() {
    let service = ServiceBuilder::new().layer(inbound()).layer(operation()).layer(operation()).service_fn(
        |request: Request<_>| async move {
            let admission = request.extensions().get::<Admission>().unwrap().clone();
            let entries = admission.passport().entries();
            let follows = entries[1].parents() == [entries[0].hash()];
            Ok::<_, Infallible>(Response::new(format!("{} {follows}", entries.len())))
        },
    );
    assert_eq!(text_of(service.oneshot(Request::new(String::new())).await.unwrap()).await, "2 true");
}

#[tokio::test]
async fn empty_passport_is_not_the_one_that_is_required() {
    let empty = || raw::call().baggage("kest.passport=[],kest.chain_tip=0");
    let inbound = Box::new(|builder: kest_tower::InboundBuilder| builder.require_passport());
    let strict = kest_tests::service::Setup { inbound, ..Default::default() }.start().await;
    strict.refused(&empty(), &[401]).await;
    strict.refused(&raw::call(), &[401]).await;
    let lenient = kest_tests::service::Service::start().await;
    let seen = lenient.admitted(&empty()).await;
    assert_eq!((&seen["entries"], &seen["trust_score"]), (&1.into(), &10.into()), "it counts as none");
}

#[tokio::test(start_paused = true)]
async fn nested_operation_does_not_wait_for_ever() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait::async_trait]
    impl kest_core::Authorize for Silent {
        async fn decide(
            &self,
            _: &kest_core::policy::PolicyRequest<'_>,
        ) -> Result<kest_core::policy::Decision, kest_core::policy::AuthorizeError> {
            std::future::pending().await
        }
    }
    let outer = keys::chain(1).await;
    let ended = outer.operation(Operation::named("ask").unwrap()).run(&Silent, async |_: Admission| ()).await;
    assert!(ended.is_err());
}

#[tokio::test]
async fn denial_is_logged_once_under_the_entry_that_it_would_have_had() {
    let (logs, _guard) = kest_tests::logs::Logs::keep();
    let policy = Arc::new(policy_fn("deny_all", |_| false).unwrap());
    let service = kest_tests::service::Setup { policy, ..Default::default() }.start().await;
    service.refused(&raw::call().bearer("SECRET"), &[403]).await;
    let text = logs.text();
    let loud: Vec<&str> =
        text.lines().filter(|line| line.contains("refused") && !line.contains("TRACE")).collect();
    assert_eq!(loud.len(), 1, "{text}");
    for part in ["kest.entry_id=", "kest.operation=call", "kest.workload_id=", "deny_all", "function"] {
        assert!(loud[0].contains(part), "{part}: {}", loud[0]);
    }
    assert!(!text.contains("SECRET"), "{text}");
}

#[tokio::test]
async fn request_that_matches_no_route_signs_nothing_and_is_verified_all_the_same() {
    let service = kest_tests::service::Service::start().await;
    assert_eq!(raw::to("/elsewhere").send(service.address).await.status, 404);
    assert_eq!(raw::to("/elsewhere").baggage("kest.chain_tip=0").send(service.address).await.status, 400);
    assert_eq!((service.runs(), service.signatures()), (0, 0));
}

/// Some services do their work, or spawn it, before they return their future.
#[tokio::test]
async fn context_is_there_already_when_the_inner_service_is_called() {
    let service = ServiceBuilder::new().layer(inbound()).layer(public()).service_fn(|_: Request<_>| {
        let arrived = kest_baggage::current_arrival().is_some() && current_admission().is_none();
        async move { Ok::<_, Infallible>(Response::new(arrived.to_string())) }
    });
    assert_eq!(text_of(service.oneshot(Request::new(String::new())).await.unwrap()).await, "true");
    let service = ServiceBuilder::new().layer(inbound()).layer(operation()).service_fn(|_: Request<_>| {
        let admitted = current_admission().is_some();
        async move { Ok::<_, Infallible>(Response::new(admitted.to_string())) }
    });
    assert_eq!(text_of(service.oneshot(Request::new(String::new())).await.unwrap()).await, "true");
    assert!(current_admission().is_none());
}
