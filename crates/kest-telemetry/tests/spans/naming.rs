//! What an operation is called, where that is known only when its span has begun.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use kest_core::entry::OperationName;
use kest_testkit::TestKest;
use kest_tower::DescribeError;
use tower::ServiceExt as _;

use crate::rig::{Export, inbound, serve, service_of};

#[tokio::test]
async fn operation_that_its_description_names_is_exported_under_that_name_alone() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let described = serve(&kit).describe(async |operation, _parts| {
        Ok(operation.named_as(OperationName::new("refund").map_err(DescribeError::malformed)?))
    });
    let service = service_of(inbound(&kit), described, async |_| Full::<Bytes>::default());
    let response = service.oneshot(Request::new(Full::default())).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    drop(response);
    let span = export.span("kest.verified.refund");
    assert_eq!(span.attribute("kest.operation"), ["refund"]);
}

#[tokio::test]
async fn operation_that_is_refused_before_it_is_named_is_exported_as_it_was_begun() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let described = serve(&kit).describe(async |_, _| Err(DescribeError::malformed("no tenant")));
    let service = service_of(inbound(&kit), described, async |_| Full::<Bytes>::default());
    let response = service.oneshot(Request::new(Full::default())).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    drop(response);
    let span = export.span("kest.verified.serve");
    assert_eq!(span.attribute("kest.operation"), ["serve"]);
    assert_eq!(span.attribute("error.type"), ["request_undescribed"]);
}
