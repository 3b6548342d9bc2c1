//! Answers of an agent that are not taken: said, counted, and the present certificate goes on until it ends.

use kest_workload::spiffe::SpiffeWorkload;
use tonic::Code;

use crate::agent::{Answer, FakeAgent, SvidResponse};
use crate::issuer::{CART, Root, STOCK, answer};
use crate::served::{builder, meet};

/// Has the agent of a running workload say this, which is refused as `kind`; what was there before goes on.
async fn check(root: &Root, bad: Answer, kind: &str) {
    let agent = FakeAgent::on_unix_socket(answer([root.svid(CART)])).await;
    let cart = builder(&agent).start().await.unwrap();
    let before = meet(&cart, &cart).await.unwrap();
    let change = cart.next_change();
    agent.say(bad);
    change.await;
    let health = cart.readiness();
    assert_eq!((health.last_error, health.consecutive_failures > 0), (Some(kind), true));
    assert_eq!(health.seconds_left, 3600);
    assert_eq!(meet(&cart, &cart).await.unwrap().thumbprint(), before.thumbprint(), "{kind}");
    recovers(&agent, &cart, root).await;
}

/// The next answer that holds is taken.
async fn recovers(agent: &FakeAgent, cart: &SpiffeWorkload, root: &Root) {
    agent.say(answer([root.svid_for(CART, -60, 7200)]));
    while cart.readiness().seconds_left != 7200 {
        cart.next_change().await;
    }
    assert_eq!(cart.readiness().last_error, None);
}

#[tokio::test]
async fn identity_of_another_trust_domain_or_workload_is_refused() {
    let root = Root::new("example.org");
    let foreign = Root::new("evil.org");
    check(&root, answer([foreign.svid("spiffe://evil.org/cart")]), "other_identity").await;
    check(&root, answer([root.svid(STOCK)]), "other_identity").await;
}

/// Attack: a root of another trust domain, or of an attacker, signs a certificate with our identity.
#[tokio::test]
async fn certificate_that_its_roots_do_not_hold_is_refused() {
    let (root, other) = (Root::new("example.org"), Root::new("example.org"));
    let mut svid = other.svid(CART);
    svid.bundle.clone_from(&root.certificate);
    check(&root, answer([svid]), "certificate").await;
}

#[tokio::test]
async fn certificate_that_has_ended_or_not_begun_is_refused() {
    let root = Root::new("example.org");
    check(&root, answer([root.svid_for(CART, -3600, -1)]), "certificate").await;
    check(&root, answer([root.svid_for(CART, 600, 3600)]), "certificate").await;
}

#[tokio::test]
async fn key_of_another_certificate_is_refused() {
    let root = Root::new("example.org");
    let mut svid = root.svid(CART);
    svid.x509_svid_key = root.svid(CART).x509_svid_key;
    check(&root, answer([svid]), "certificate").await;
}

#[tokio::test]
async fn empty_answers_and_garbage_are_refused() {
    let root = Root::new("example.org");
    check(&root, Answer::Svids(SvidResponse::default()), "malformed").await;
    for part in 0..4 {
        for bytes in [&b""[..], b"garbage", &[0x30, 0x82, 0xff, 0xff]] {
            let mut svid = root.svid(CART);
            match part {
                0 => svid.x509_svid = bytes.to_vec(),
                1 => svid.x509_svid_key = bytes.to_vec(),
                2 => svid.bundle = bytes.to_vec(),
                _ => svid.x509_svid.extend_from_slice(if bytes.is_empty() { b"0" } else { bytes }),
            }
            check(&root, answer([svid]), "malformed").await;
        }
    }
}

#[tokio::test]
async fn root_that_may_sign_nothing_is_not_gone_by() {
    let root = Root::new("example.org");
    let mut svid = root.svid(CART);
    // A leaf in the place of a root.
    svid.bundle = root.svid(STOCK).x509_svid;
    check(&root, answer([svid]), "certificate").await;
}

#[tokio::test]
async fn agent_that_takes_the_identity_away_is_said_and_the_certificate_goes_on_until_it_ends() {
    let root = Root::new("example.org");
    check(&root, Answer::Refusal(Code::PermissionDenied, "no identity issued"), "denied").await;
}
