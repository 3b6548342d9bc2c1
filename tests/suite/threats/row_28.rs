//! One thing spelled twice: names of members, and ids that mean something else. Addresses are in kest-axum's own tests.

use http::HeaderMap;
use kest_core::Operation;
use kest_core::entry::Resource;
use kest_tests::raw;
use kest_tests::service::{Service, Setup};

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
    let operation = Operation::named("call").unwrap().resource(Resource::new("*"));
    let service = Setup { operation, ..Setup::default() }.start().await;
    service.refused(&raw::call(), &[500]).await;
}
