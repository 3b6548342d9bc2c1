//! Outbound to a host that is not listed, directly, by redirect or by an address that spells a listed name.

use kest_baggage::run_admitted;
use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
use kest_tests::keys;
use reqwest_middleware::ClientWithMiddleware;

use crate::outbound::{Recorder, baggage_of};

fn client(listed: &str) -> ClientWithMiddleware {
    CarryPassport::to([Destination::origin(listed).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .client(reqwest::Client::builder())
        .unwrap()
}

#[tokio::test]
async fn passport_does_not_leave_for_an_unlisted_host() {
    let (listed, other) = (Recorder::start().await, Recorder::start().await);
    let client = client(&listed.origin());
    run_admitted(keys::chain(2).await, async |_| {
        // Someone even copied kest members onto the request by hand.
        let request = client.get(other.url("/")).header("baggage", "kest.user=alice,region=eu");
        request.send().await.unwrap();
        client.get(listed.url("/")).send().await.unwrap();
    })
    .await;
    assert_eq!(baggage_of(&other.requests()), ["region=eu"]);
    let carried = baggage_of(&listed.requests());
    assert!(carried.len() == 1 && carried[0].starts_with("kest.passport="), "{carried:?}");
}

#[tokio::test]
async fn redirect_to_another_host_is_not_followed() {
    let other = Recorder::start().await;
    let listed = Recorder::redirecting(&other.url("/stolen")).await;
    let client = client(&listed.origin());
    let status = run_admitted(keys::chain(2).await, async |_| {
        client.get(listed.url("/away")).bearer_auth("the caller's own token").send().await.unwrap().status()
    })
    .await;
    assert_eq!((status.as_u16(), other.requests().len()), (307, 0));
}

#[tokio::test]
async fn redirect_within_the_listed_origin_is_followed_with_the_passport() {
    let listed = Recorder::redirecting("/here").await;
    let client = client(&listed.origin());
    let status = run_admitted(keys::chain(2).await, async |_| {
        client.get(listed.url("/away")).send().await.unwrap().status()
    })
    .await;
    let carried = baggage_of(&listed.requests());
    assert_eq!((status.as_u16(), carried.len()), (200, 2));
    assert_eq!(carried[0], carried[1]);
}

#[tokio::test]
async fn address_that_belongs_to_a_listed_name_is_not_listed() {
    let recorder = Recorder::start().await;
    let port = recorder.address.port();
    let client = client(&format!("http://localhost:{port}"));
    run_admitted(keys::chain(2).await, async |_| {
        for spelling in ["127.0.0.1", "127.1", "2130706433", "0x7f000001"] {
            client.get(format!("http://{spelling}:{port}/")).send().await.unwrap();
        }
    })
    .await;
    assert_eq!(recorder.requests().len(), 4);
    assert_eq!(baggage_of(&recorder.requests()), Vec::<String>::new());
}
