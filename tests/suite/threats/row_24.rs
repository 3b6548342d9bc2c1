//! A passport presented by another workload than its tip's signer, or put onto another request.

use http::{Method, Request};
use kest_core::signature::WorkloadId;
use kest_tests::keys;
use kest_tests::service::Setup;
use kest_tower::PeerWorkload;

use super::signed::{call, demanding, kit, three, wire};

/// Who has seen a passport has it, and not the key of its last signer.
#[tokio::test]
async fn passport_that_another_workload_presents_is_refused() {
    let (service, kit) = (demanding(|it| it).await, kit());
    let [.., last] = three().await;
    let passport = last.passport();
    for thief in ["gateway", "orders", "service", "stranger"] {
        service.refused(&wire(&kit.send(thief, passport, call(""))), &[401]).await;
    }
    let refused = service.refused(&wire(&kit.carry(passport, call(""))), &[401]).await;
    assert_eq!(refused.header("www-authenticate"), Some("Kest"));
    service.refused(&wire(&kit.prove("ledger", passport, call(""))), &[401]).await;
    service.admitted(&wire(&kit.send("ledger", passport, call("")))).await;
}

type Change<'it> = &'it dyn Fn(&mut Request<String>);

/// Each is a good proof of a request that was made, or may be made, for something else.
#[tokio::test]
async fn passport_that_is_grafted_onto_another_request_is_refused() {
    let (service, kit) = (demanding(|it| it).await, kit());
    let [.., last] = three().await;
    let changes: [Change<'_>; 8] = [
        &|it| *it.method_mut() = Method::PUT,
        &|it| *it.uri_mut() = "https://other/call".parse().unwrap(),
        &|it| *it.uri_mut() = "https://test:8443/call".parse().unwrap(),
        &|it| *it.uri_mut() = "https://test/other".parse().unwrap(),
        &|it| *it.uri_mut() = "https://test/call/".parse().unwrap(),
        &|it| *it.uri_mut() = "https://test/call?all=1".parse().unwrap(),
        &|it| it.body_mut().push_str("[\"lamp\"]"),
        &|it| drop(it.headers_mut().insert("authorization", "Bearer of-alice".parse().unwrap())),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut made = call("");
        change(&mut made);
        let mut grafted = kit.send("ledger", last.passport(), made);
        // What arrives is the plain call.
        grafted.body_mut().clear();
        grafted.headers_mut().remove("authorization");
        let response = wire(&grafted).send(service.address).await;
        assert_eq!((response.status, response.body.as_str()), (401, ""), "change {number}");
        // And the other way around: the plain call was made, and the other one arrives.
        let mut plain = kit.send("ledger", last.passport(), call(""));
        change(&mut plain);
        if plain.uri() == "https://test/call" && plain.method() == Method::POST {
            service.refused(&wire(&plain), &[401]).await;
        }
    }
    assert_eq!((service.runs(), service.signatures()), (0, 0));
    service.admitted(&wire(&kit.send("ledger", last.passport(), call("[\"lamp\"]")))).await;
}

/// Over mutual TLS that ends in the service, the one at the other end has to be the signer, whatever it signs.
#[tokio::test]
async fn passport_from_another_peer_than_its_tips_signer_is_refused() {
    let kit = kit();
    let [.., last] = three().await;
    let peer = |workload: &WorkloadId| Some(PeerWorkload::new(workload.clone()));
    let bound = |peer| Setup { peer, inbound: Box::new(|it| it.bound_to_peer()), ..Setup::default() };
    let presented = wire(&kit.carry(last.passport(), call("")));
    for thief in ["gateway", "orders", "stranger"] {
        let service = bound(peer(&keys::workload(thief))).start().await;
        service.refused(&presented, &[401]).await;
        service.refused(&wire(&kit.send(thief, last.passport(), call(""))), &[401]).await;
    }
    bound(None).start().await.refused(&presented, &[401]).await;
    bound(peer(&keys::workload("ledger"))).start().await.admitted(&presented).await;
}
