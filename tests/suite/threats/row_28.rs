//! One thing spelled twice: names of members, and ids that mean something else. Addresses are in kest-axum's own tests.

use std::sync::Arc;

use http::HeaderMap;
use kest_core::entry::{Resource, ResourceError};
use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{AdmitError, Operation};
use kest_tests::service::Service;
use kest_tests::{keys, raw};
use kest_tower::OperationLayer;

use super::check_headers;

#[tokio::test]
async fn other_spellings_of_our_members_are_refused() {
    assert_eq!(check_headers(28).await, 26);
}

#[tokio::test]
async fn other_spelling_of_a_member_by_single_bytes_is_refused() {
    let service = Service::start().await;
    for name in [&b"\xa0kest.user"[..], b"\x85kest.user", b"kest.us\xe9r", "\u{212a}est.user".as_bytes()] {
        service.refused(&raw::call().baggage([name, b"=admin"].concat()), &[400]).await;
    }
}

#[test]
fn other_spellings_of_our_members_are_stripped_and_others_are_not() {
    let mut headers = HeaderMap::new();
    for line in
        ["region=eu,kest%2Euser=admin,%6Best.user=admin", "KEST.user=admin,+kest.jwt=a.b.c , name=J\u{f6}rg"]
    {
        headers.append("baggage", http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    kest_baggage::strip(&mut headers);
    assert_eq!(headers["baggage"].as_bytes(), "region=eu,name=J\u{f6}rg".as_bytes());
}

#[tokio::test]
async fn id_that_stands_for_no_resource_is_not_admitted() {
    let star = || Operation::named("call").unwrap().resource(Resource::new("*"));
    let layer = OperationLayer::try_shared(keys::kest("service"), star(), Arc::new(dangerous_allow_all()));
    assert!(layer.is_err(), "a route with it does not start");
    let refused = keys::kest("service").originate(Origin::system(), &star(), &dangerous_allow_all()).await;
    assert!(matches!(refused, Err(AdmitError::Resource(ResourceError::Star))));
}
