//! Cases of renewals, revocations, and of keys that end.

use kest_workload::protocol::Epoch;

use crate::store::{Enrolment, MOST_ENTRY_KEYS, Place, Renewal, Renewed, Revoked, Store};

use super::support::{HOUR, NOW, begun, by_ticket, by_token, done, id, keys, renewal, renewed, ticket, told};

/// Attack: the certificate of an executor that was replaced, and one of an epoch that is still to come.
///
/// # Panics
///
/// Where the store does something else.
pub async fn old_epoch_is_not_renewed(store: &dyn Store) {
    renewed(store, &renewal("cart", 1, Some("k2")), Renewed::Unknown).await;
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    done(store.add_ticket(&ticket("t", "cart", Place::Taken)).await);
    begun(store, &by_ticket("t", "k2"), "cart", 2).await;
    let before = done(store.state().await);
    for epoch in [0, 1, 3] {
        renewed(store, &renewal("cart", epoch, Some("k3")), Renewed::Void).await;
    }
    assert_eq!(done(store.state().await), before);
    renewed(store, &renewal("cart", 2, Some("k3")), Renewed::Renewed).await;
}

/// Attack: a certificate that was stolen, after its revocation.
///
/// # Panics
///
/// Where the store does something else.
pub async fn revoked_identity_is_not_renewed(store: &dyn Store) {
    assert_eq!(done(store.revoke(&id("cart"), NOW).await), Revoked::Unknown);
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    assert_eq!(done(store.revoke(&id("cart"), NOW).await), Revoked::UpTo(Epoch::FIRST));
    assert_eq!(done(store.revoke(&id("cart"), NOW).await), Revoked::UpTo(Epoch::FIRST));
    renewed(store, &renewal("cart", 1, None), Renewed::Void).await;
    let cart = told(store, "cart").await;
    assert_eq!((cart.void, cart.entry_keys.len()), (Some(Epoch::FIRST), 0));
    begun(store, &by_token("cart", "k2"), "cart", 2).await;
    assert_eq!(told(store, "cart").await.void, Some(Epoch::FIRST));
}

/// Attack: a certificate that is over, where the handshake let it through.
///
/// # Panics
///
/// Where the store does something else.
pub async fn expired_identity_is_not_renewed(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    let late = |at| Renewal { at, alive_until: at + HOUR, ..renewal("cart", 1, None) };
    renewed(store, &late(NOW + HOUR), Renewed::NotAlive).await;
    renewed(store, &late(NOW + HOUR - 1), Renewed::Renewed).await;
    renewed(store, &late(NOW + HOUR), Renewed::Renewed).await;
    // A shorter certificate does not end a longer one.
    renewed(store, &Renewal { alive_until: NOW + 1, ..late(NOW + HOUR) }, Renewed::Renewed).await;
    assert_eq!(told(store, "cart").await.alive_until, NOW + 2 * HOUR);
}

/// Keys overlap, and an end that was said is not put off by a later renewal.
///
/// # Panics
///
/// Where the store does something else.
pub async fn next_key_ends_those_before(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    renewed(store, &renewal("cart", 1, Some("k2")), Renewed::Renewed).await;
    let later = Renewal { earlier_keys_until: NOW + HOUR, ..renewal("cart", 1, Some("k3")) };
    renewed(store, &later, Renewed::Renewed).await;
    let expected = [
        ("k1".to_owned(), Some(NOW + HOUR / 2)),
        ("k2".to_owned(), Some(NOW + HOUR)),
        ("k3".to_owned(), None),
    ];
    assert_eq!(keys(store, "cart").await, expected);
    // Without a next key nothing ends.
    renewed(store, &renewal("cart", 1, None), Renewed::Renewed).await;
    assert_eq!(keys(store, "cart").await, expected);
}

/// The answer to a renewal was lost.
///
/// # Panics
///
/// Where the store does something else.
pub async fn renewal_is_asked_for_twice(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    renewed(store, &renewal("cart", 1, Some("k2")), Renewed::Renewed).await;
    let once = done(store.state().await);
    renewed(store, &renewal("cart", 1, Some("k2")), Renewed::Renewed).await;
    assert_eq!(done(store.state().await), once);
}

/// Attack: a key that leaked and was replaced, or that is another workload's.
///
/// # Panics
///
/// Where the store does something else.
pub async fn key_that_was_replaced_does_not_come_back(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    begun(store, &by_token("stock", "s1"), "stock", 1).await;
    renewed(store, &renewal("cart", 1, Some("k2")), Renewed::Renewed).await;
    let before = done(store.state().await);
    for taken in ["k1", "s1"] {
        renewed(store, &renewal("cart", 1, Some(taken)), Renewed::KeyTaken).await;
    }
    let much_later = Renewal { at: NOW + HOUR, ..renewal("cart", 1, Some("k1")) };
    renewed(store, &much_later, Renewed::KeyTaken).await;
    assert_eq!(done(store.state().await), before);
}

/// Attack: a workload that fills the bundle of all with keys of its own.
///
/// # Panics
///
/// Where the store does something else.
pub async fn keys_of_an_identity_are_bounded(store: &dyn Store) {
    begun(store, &by_token("cart", "k0"), "cart", 1).await;
    for number in 1..MOST_ENTRY_KEYS {
        renewed(store, &renewal("cart", 1, Some(&format!("k{number}"))), Renewed::Renewed).await;
    }
    let before = done(store.state().await);
    renewed(store, &renewal("cart", 1, Some("more")), Renewed::TooManyKeys).await;
    assert_eq!(done(store.state().await), before);
    let later = Renewal { at: NOW + HOUR / 2, ..renewal("cart", 1, Some("more")) };
    renewed(store, &later, Renewed::Renewed).await;
    assert_eq!(told(store, "cart").await.entry_keys.len(), 2, "those that ended are out");
}

/// A renewal tidies up, and says so to those who follow.
///
/// # Panics
///
/// Where the store does something else.
pub async fn ended_keys_are_taken_out(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    renewed(store, &renewal("cart", 1, Some("k2")), Renewed::Renewed).await;
    let sequence = done(store.sequence().await);
    renewed(store, &renewal("cart", 1, None), Renewed::Renewed).await;
    assert_eq!(done(store.sequence().await), sequence);
    renewed(store, &Renewal { at: NOW + HOUR / 2, ..renewal("cart", 1, None) }, Renewed::Renewed).await;
    assert_eq!(keys(store, "cart").await, [("k2".to_owned(), None)]);
    assert!(done(store.sequence().await) > sequence);
}

/// Attack: the key of a service that was switched off, months later.
///
/// # Panics
///
/// Where the store does something else.
pub async fn retired_keys_end_before_they_leave(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    begun(store, &Enrolment { alive_until: NOW + 9 * HOUR, ..by_token("stock", "s1") }, "stock", 1).await;
    let sequence = done(store.sequence().await);
    assert_eq!(done(store.retire(NOW + HOUR - 1, 0).await), 0);
    assert_eq!(done(store.sequence().await), sequence);
    assert_eq!(done(store.retire(NOW + HOUR, 0).await), 1);
    assert_eq!(keys(store, "cart").await, [("k1".to_owned(), Some(NOW + HOUR))]);
    let ended = done(store.sequence().await);
    assert!(ended > sequence);
    assert_eq!(done(store.retire(NOW + 2 * HOUR, NOW + HOUR).await), 0, "it ends then, and not before");
    assert_eq!(done(store.sequence().await), ended);
    assert_eq!(done(store.retire(NOW + 2 * HOUR, NOW + HOUR + 1).await), 1);
    assert_eq!(keys(store, "cart").await, []);
    assert!(done(store.sequence().await) > ended);
    assert_eq!(keys(store, "stock").await, [("s1".to_owned(), None)]);
}
