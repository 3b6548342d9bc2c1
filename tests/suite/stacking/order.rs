//! Inbound layers and operations within each other: one arrival, and no lineage replaced by none.

use std::convert::Infallible;

use http::{Request, Response};
use kest_baggage::with_admission;
use kest_tests::keys;
use kest_tower::Rejection;
use tower::{ServiceBuilder, ServiceExt as _};

use super::{Runs, inbound, operation, worthless};
use crate::refusals::keep;
use crate::text_of;

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
        .service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new("ran".to_owned())));
    let kept = keep();
    assert_eq!(service.oneshot(worthless()).await.unwrap().status(), 500);
    kept.only("operation", "no_arrival");
}

#[tokio::test]
async fn proof_put_there_further_out_is_a_fault_and_never_believed() {
    let forged = keys::chain(1).await;
    let runs = Runs::default();
    for what in ["arrival", "admission", "both"] {
        let handler = runs.clone();
        let service = ServiceBuilder::new()
            .layer(inbound())
            .layer(operation())
            .service_fn(move |request| handler.run(&request));
        let mut request = Request::new(String::new());
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
    let forgetful =
        with_admission(caller.clone(), service.clone().oneshot(Request::new(String::new()))).await.unwrap();
    assert_eq!((forgetful.status().as_u16(), runs.count()), (500, 0));
    let carrying = with_admission(caller, service.clone().oneshot(worthless())).await.unwrap();
    assert_eq!(text_of(carrying).await, "0");
    assert_eq!(
        text_of(service.oneshot(Request::new(String::new())).await.unwrap()).await,
        "100",
        "outside of every request"
    );
}
