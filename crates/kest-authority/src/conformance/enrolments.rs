//! Cases of enrolments: what a ticket is good for, and who gives a place away.

use crate::store::{Alarm, Enrolled, Enrolment, Place, Store};

use super::support::{HOUR, NOW, begun, by_ticket, by_token, done, id, key, keys, ticket, told};

/// Attack: a ticket that was never given out.
///
/// # Panics
///
/// Where the store does something else.
pub async fn guessed_ticket_is_refused(store: &dyn Store) {
    done(store.add_ticket(&ticket("there", "cart", Place::Free)).await);
    assert_eq!(done(store.enrol(&by_ticket("guessed", "k1")).await), Enrolled::NoTicket);
    assert_eq!(done(store.workload(&id("cart")).await), None);
    begun(store, &by_ticket("there", "k1"), "cart", 1).await;
}

/// Attack: a ticket that was found after its end.
///
/// # Panics
///
/// Where the store does something else.
pub async fn expired_ticket_is_refused(store: &dyn Store) {
    done(store.add_ticket(&ticket("t", "cart", Place::Free)).await);
    let late = Enrolment { at: NOW + HOUR, alive_until: NOW + 2 * HOUR, ..by_ticket("t", "k1") };
    assert_eq!(done(store.enrol(&late).await), Enrolled::TicketExpired { identity: id("cart") });
    let in_time = Enrolment { at: NOW + HOUR - 1, ..late };
    begun(store, &in_time, "cart", 1).await;
}

/// Attack: a ticket that was copied, and is used after its holder used it.
///
/// # Panics
///
/// Where the store does something else.
pub async fn ticket_used_twice_is_an_alarm(store: &dyn Store) {
    done(store.add_ticket(&ticket("t", "cart", Place::Taken)).await);
    begun(store, &by_ticket("t", "k1"), "cart", 1).await;
    let before = done(store.state().await);
    for (at, uses) in [(NOW + 5, 2), (NOW + 2 * HOUR, 3)] {
        let again = Enrolment { at, ..by_ticket("t", "k2") };
        let alarm = Alarm { identity: id("cart"), first_used: NOW, uses };
        assert_eq!(done(store.enrol(&again).await), Enrolled::TicketUsed(alarm));
    }
    assert_eq!(done(store.state().await), before, "the incumbent goes on");
}

/// Attack: both uses at once.
///
/// # Panics
///
/// Where the store does something else.
pub async fn ticket_used_twice_at_once_begins_one_epoch(store: &dyn Store) {
    done(store.add_ticket(&ticket("t", "cart", Place::Taken)).await);
    let (mine, thief) = (by_ticket("t", "k1"), by_ticket("t", "k2"));
    let (one, other) = tokio::join!(store.enrol(&mine), store.enrol(&thief));
    let outcomes = [done(one), done(other)];
    let count = |is: fn(&&Enrolled) -> bool| outcomes.iter().filter(is).count();
    assert_eq!(count(|it| matches!(it, Enrolled::Begun { .. })), 1, "{outcomes:?}");
    assert_eq!(count(|it| matches!(it, Enrolled::TicketUsed(_))), 1, "{outcomes:?}");
    assert_eq!(told(store, "cart").await.entry_keys.len(), 1);
}

/// Attack: evidence for an identity that another process has and goes on with. The ticket stays unused, and is good once the
/// identity is over.
///
/// # Panics
///
/// Where the store does something else.
pub async fn living_identity_keeps_its_place(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    let before = done(store.state().await);
    done(store.add_ticket(&ticket("t", "cart", Place::Free)).await);
    for enrolment in [by_token("cart", "k2"), by_ticket("t", "k2")] {
        assert_eq!(done(store.enrol(&enrolment).await), Enrolled::Alive { identity: id("cart") });
    }
    assert_eq!(done(store.state().await), before);
    let over = Enrolment { at: NOW + HOUR, alive_until: NOW + 2 * HOUR, ..by_token("cart", "k2") };
    begun(store, &over, "cart", 2).await;
    done(store.revoke(&id("cart"), NOW + HOUR).await);
    begun(store, &by_ticket("t", "k3"), "cart", 3).await;
}

/// Attack: a place that is given away by a key of another workload, or by one that the identity gave up.
///
/// # Panics
///
/// Where the store does something else.
pub async fn place_is_given_away_by_present_key_alone(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    begun(store, &by_token("stock", "s1"), "stock", 1).await;
    let with =
        |name: &str, next: &str| Enrolment { current_key: Some(key(name).key), ..by_token("cart", next) };
    for stranger in ["s1", "unknown"] {
        assert_eq!(done(store.enrol(&with(stranger, "k2")).await), Enrolled::Alive { identity: id("cart") });
    }
    begun(store, &with("k1", "k2"), "cart", 2).await;
    assert_eq!(done(store.enrol(&with("k1", "k3")).await), Enrolled::Alive { identity: id("cart") });
    let next = super::support::renewal("cart", 2, Some("k3"));
    super::support::renewed(store, &next, crate::store::Renewed::Renewed).await;
    let ended = Enrolment { at: NOW + HOUR / 2, ..with("k2", "k4") };
    assert_eq!(done(store.enrol(&ended).await), Enrolled::Alive { identity: id("cart") });
    begun(store, &Enrolment { at: NOW + HOUR / 2, ..with("k3", "k4") }, "cart", 3).await;
}

/// Attack: a key that is another's, or that was the identity's own before it was revoked. The ticket stays unused.
///
/// # Panics
///
/// Where the store does something else.
pub async fn key_of_another_workload_is_refused(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    done(store.add_ticket(&ticket("t", "stock", Place::Free)).await);
    assert_eq!(done(store.enrol(&by_ticket("t", "k1")).await), Enrolled::KeyTaken);
    done(store.revoke(&id("cart"), NOW).await);
    assert_eq!(done(store.enrol(&by_token("cart", "k1")).await), Enrolled::KeyTaken);
    assert_eq!(done(store.enrol(&by_ticket("t", "k1")).await), Enrolled::KeyTaken);
    begun(store, &by_ticket("t", "s1"), "stock", 1).await;
}

/// An operator replaces an executor: its keys are gone at once.
///
/// # Panics
///
/// Where the store does something else.
pub async fn next_enrolment_makes_earlier_epochs_void(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    assert_eq!(told(store, "cart").await.void, None);
    done(store.add_ticket(&ticket("t", "cart", Place::Taken)).await);
    begun(store, &by_ticket("t", "k2"), "cart", 2).await;
    let cart = told(store, "cart").await;
    assert_eq!(cart.void.map(|void| void.number()), Some(1));
    assert_eq!(keys(store, "cart").await, [("k2".to_owned(), None)]);
}
