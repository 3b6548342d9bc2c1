//! What goes on for as long as a service runs, on a clock that the test moves.

use std::time::Duration;

use kest_core::signature::Sign as _;
use kest_http::HttpError;
use kest_identity::SpiffeId;
use kest_workload::Workload;
use kest_workload::protocol::Epoch;

use crate::enrolment::{Place, place, who_is};
use crate::stand_in::{Mood, StandIn};

async fn cart(authority: &StandIn, at: &Place) -> Workload {
    authority.of(&at.folder).ticket(authority.ticket("cart")).start().await.unwrap()
}

/// Moves the clock, and waits for what comes of it.
async fn after(authority: &StandIn, workload: &Workload, seconds: u64) {
    let change = workload.next_change();
    authority.clock.advance(Duration::from_secs(seconds));
    change.await;
}

#[tokio::test]
async fn certificate_is_renewed_at_two_thirds_of_its_life_and_not_before() {
    let (authority, at) = (StandIn::start().await, place());
    let cart = cart(&authority, &at).await;
    authority.clock.advance(Duration::from_secs(2150));
    let health = cart.readiness();
    assert!(health.is_ready() && health.seconds_left == 1450);
    let before = authority.state().asked.iter().filter(|it| **it == "renew").count();
    after(&authority, &cart, 250).await;
    assert_eq!((cart.readiness().seconds_left, cart.readiness().last_error), (3600, None));
    assert_eq!((before, authority.state().asked.iter().filter(|it| **it == "renew").count()), (0, 1));
}

#[tokio::test]
async fn certificate_that_was_renewed_is_presented_at_once_and_the_old_one_still_counts() {
    let (authority, cart_at, stock_at) = (StandIn::start().await, place(), place());
    let stock = authority.of(&stock_at.folder).ticket(authority.ticket("stock")).start().await.unwrap();
    let cart = cart(&authority, &cart_at).await;
    for _ in 0..3 {
        after(&authority, &cart, 2400).await;
        assert_eq!(who_is(&cart, &stock).await.unwrap(), "spiffe://example.org/cart");
    }
    assert_eq!(cart.readiness().epoch, Epoch::FIRST);
}

/// The authority is away for longer than a certificate lives: loud before the end, and back by itself.
#[tokio::test]
async fn service_is_back_after_an_outage_that_is_longer_than_a_certificates_life() {
    let (authority, at) = (StandIn::start().await, place());
    let tickets = at.folder.with_extension("ticket");
    let put = |ticket: String| {
        std::fs::write(&tickets, ticket).unwrap();
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&tickets, closed).unwrap();
    };
    put(authority.ticket("cart"));
    let cart = authority.of(&at.folder).ticket_file(&tickets).start().await.unwrap();
    authority.state().mood = Mood::Away;
    after(&authority, &cart, 2500).await;
    let health = cart.readiness();
    assert!(health.is_ready() && health.last_error == Some("status"), "{health:?}");
    after(&authority, &cart, 900).await;
    let health = cart.readiness();
    assert!(!health.is_ready() && health.seconds_left > 0, "red before the end: {health:?}");
    after(&authority, &cart, 3600).await;
    let health = cart.readiness();
    assert_eq!((health.seconds_left, health.last_error), (0, Some("no_evidence")));
    // From here on nothing may be asked with the certificate that has ended.
    let asked = authority.state().asked.iter().filter(|it| **it == "renew").count();
    authority.state().mood = Mood::Well;
    after(&authority, &cart, 120).await;
    assert_eq!(cart.readiness().last_error, Some("no_evidence"));
    put(authority.ticket("cart"));
    after(&authority, &cart, 120).await;
    let health = cart.readiness();
    assert_eq!((health.seconds_left, health.epoch, health.last_error), (3600, Epoch::new(2), None));
    assert_eq!(authority.state().asked.iter().filter(|it| **it == "renew").count(), asked);
    assert!(
        authority.state().enrolled["spiffe://example.org/cart"]
            .iter()
            .any(|key| key.kid == cart.signer().current().key_id().as_str())
    );
}

#[tokio::test]
async fn token_source_brings_a_service_back_without_a_ticket() {
    let (authority, at) = (StandIn::start().await, place());
    let token = at.folder.with_extension("token");
    std::fs::write(&token, "token of ci\n").unwrap();
    let start = authority.of(&at.folder).oidc_token_file(&token, authority.root_pin());
    let cart = start.start().await.unwrap();
    after(&authority, &cart, 4000).await;
    assert_eq!((cart.readiness().epoch, cart.readiness().seconds_left), (Epoch::new(2), 3600));
}

#[tokio::test]
async fn clock_that_is_set_back_leads_to_a_renewal_and_to_no_silence() {
    let (authority, at) = (StandIn::start().await, place());
    authority.clock.advance(Duration::from_secs(7200));
    let cart = cart(&authority, &at).await;
    let change = cart.next_change();
    authority.clock.turn_back(Duration::from_secs(40));
    change.await;
    assert_eq!((cart.readiness().seconds_left, cart.readiness().last_error), (3600, None));
}

#[tokio::test]
async fn next_entry_key_is_in_the_bundle_before_it_signs() {
    let (authority, at) = (StandIn::start().await, place());
    let cart = authority
        .of(&at.folder)
        .ticket(authority.ticket("cart"))
        .rotate_entry_key_every(Duration::from_secs(1000))
        .entry_key_overlap(Duration::from_secs(600));
    let cart = cart.start().await.unwrap();
    let first = cart.signer().current().key_id().clone();
    after(&authority, &cart, 2400).await;
    let sent = authority.state().sent.clone();
    assert_eq!((sent.len(), cart.signer().current().key_id()), (1, &first), "it is known and does not sign");
    after(&authority, &cart, 600).await;
    assert_eq!(cart.signer().current().key_id().as_str(), sent[0]);
    // It is the key of the folder too.
    cart.stop().await;
    let cart = authority.of(&at.folder).start().await.unwrap();
    assert_eq!(cart.signer().current().key_id().as_str(), sent[0]);
}

#[tokio::test]
async fn entry_key_whose_answer_was_lost_is_sent_again_and_no_other_one() {
    let (authority, at) = (StandIn::start().await, place());
    let cart = authority.of(&at.folder).ticket(authority.ticket("cart"));
    let cart = cart.rotate_entry_key_every(Duration::ZERO).start().await.unwrap();
    authority.state().mood = Mood::Lossy;
    after(&authority, &cart, 2400).await;
    assert_eq!(cart.readiness().last_error, Some("status"));
    authority.state().mood = Mood::Well;
    after(&authority, &cart, 61).await;
    assert_eq!(cart.readiness().last_error, None);
    let sent = authority.state().sent.clone();
    assert!(sent.len() == 2 && sent[0] == sent[1], "{sent:?}");
}

/// Has the bundle fall due and be asked for, once.
async fn look(workload: &Workload, authority: &StandIn) {
    authority.clock.advance(Duration::from_secs(301));
    let before = workload.readiness().bundle;
    // Using the bundle is what has it fetched where it is due.
    assert!(workload.bundle().current().is_some());
    let looked = async {
        while workload.readiness().bundle == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looked).await.unwrap();
}

/// Attack: a workload that was revoked goes on with its certificate.
#[tokio::test]
async fn revoked_workload_is_refused_once_the_bundle_says_so() {
    let (authority, cart_at, stock_at) = (StandIn::start().await, place(), place());
    let stock = authority.of(&stock_at.folder).ticket(authority.ticket("stock")).start().await.unwrap();
    let cart = cart(&authority, &cart_at).await;
    assert!(who_is(&cart, &stock).await.is_ok());
    {
        let mut state = authority.state();
        let id = "spiffe://example.org/cart".to_owned();
        state.void.insert(id.clone(), 1);
        state.enrolled.remove(&id);
        state.sequence += 1;
    }
    let id = SpiffeId::parse("spiffe://example.org/cart").unwrap();
    look(&stock, &authority).await;
    assert!(!stock.trust().epochs().admits(&id, Some(Epoch::FIRST)));
    let refused = who_is(&cart, &stock).await;
    assert!(matches!(refused, Err(HttpError::Unreachable(_))), "{refused:?}");
    let ring = stock.bundle().current().unwrap();
    assert!(!ring.knows(cart.signer().workload()), "its entry keys are gone too");
}

/// Attack: bundles of another key, of another day, and of nothing.
#[tokio::test]
async fn bundle_that_is_forged_older_or_empty_is_not_taken() {
    let (authority, at) = (StandIn::start().await, place());
    let cart = cart(&authority, &at).await;
    let sequence = cart.readiness().bundle.sequence;
    let id = "spiffe://example.org/cart".to_owned();
    let other = kest_core::signature::Ed25519Signer::generate(
        kest_core::signature::WorkloadId::new("thief").unwrap(),
        &kest_core::OsRandom,
    );
    authority.state().void.insert(id.clone(), 9);
    let signer = std::mem::replace(&mut authority.state().signer, other.unwrap());
    look(&cart, &authority).await;
    assert_eq!(cart.readiness().bundle.last_error, Some("refused"));
    authority.state().signer = signer;
    authority.state().sequence = 1;
    look(&cart, &authority).await;
    assert_eq!(cart.readiness().bundle.last_error, Some("older"));
    authority.state().sequence = 9;
    let keys = authority.state().enrolled.remove(&id).unwrap();
    look(&cart, &authority).await;
    assert_eq!(cart.readiness().bundle.last_error, Some("shrinking"));
    assert_eq!(cart.readiness().bundle.sequence, sequence);
    assert!(cart.trust().epochs().admits(cart.identity(), Some(Epoch::FIRST)), "nothing of them is gone by");
    authority.state().enrolled.insert(id.clone(), keys);
    authority.state().void.remove(&id);
    look(&cart, &authority).await;
    assert_eq!((cart.readiness().bundle.sequence, cart.readiness().bundle.last_error), (Some(9), None));
}
