//! Cases of what a store says: the state, its sequence, tickets and workloads.

use kest_workload::protocol::Epoch;

use crate::store::{LiveKey, NewTicket, Place, Renewal, Renewed, Store, TicketState, Workload};

use super::support::{HOUR, NOW, begun, by_ticket, by_token, done, id, key, renewal, renewed, ticket, told};

/// What a service has of the bundle is compared by the sequence alone.
///
/// # Panics
///
/// Where the store does something else.
pub async fn sequence_rises_with_what_the_bundle_says(store: &dyn Store) {
    let mut last = done(store.sequence().await);
    let mut rises = async |what: &str| {
        let now = done(store.sequence().await);
        assert!(now > last, "{what}");
        assert_eq!(done(store.state().await).sequence, now);
        last = now;
    };
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    rises("an enrolment").await;
    renewed(store, &renewal("cart", 1, Some("k2")), Renewed::Renewed).await;
    rises("a next key").await;
    done(store.publish("one", &[LiveKey { id: "r".into(), jwk: "{}".into() }], NOW).await);
    rises("a key of the authority").await;
    done(store.revoke(&id("cart"), NOW).await);
    rises("a revocation").await;
    let still = done(store.state().await);
    done(store.revoke(&id("cart"), NOW).await);
    done(store.publish("one", &[LiveKey { id: "r".into(), jwk: "{}".into() }], NOW).await);
    done(store.add_ticket(&ticket("t", "cart", Place::Free)).await);
    assert_eq!(done(store.state().await), still, "what changes nothing does not rise");
}

/// Two authorities share a store, and each replaces its own keys.
///
/// # Panics
///
/// Where the store does something else.
pub async fn authorities_publish_beside_each_other(store: &dyn Store) {
    let live = |id: &str| LiveKey { id: id.into(), jwk: format!(r#"{{"kid":"{id}"}}"#) };
    done(store.publish("one", &[live("a"), live("b")], NOW).await);
    done(store.publish("two", &[live("a")], NOW).await);
    done(store.publish("one", &[live("b"), live("c")], NOW).await);
    let mut keys = done(store.state().await).keys;
    keys.sort_by(|one, other| (&one.0, &one.1.id).cmp(&(&other.0, &other.1.id)));
    let expected = [("one", "b"), ("one", "c"), ("two", "a")];
    assert_eq!(keys, expected.map(|(authority, id)| (authority.to_owned(), live(id))));
    done(store.publish("one", &[], NOW).await);
    assert_eq!(done(store.state().await).keys, [("two".to_owned(), live("a"))]);
}

/// An operator sees tickets that can be used, and those that were stolen.
///
/// # Panics
///
/// Where the store does something else.
pub async fn tickets_are_listed_and_forgotten(store: &dyn Store) {
    for (hash, name, created) in [("a", "one", NOW), ("b", "two", NOW + 1), ("c", "three", NOW + 2)] {
        let new = NewTicket { created, expires: created + HOUR, ..ticket(hash, name, Place::Free) };
        done(store.add_ticket(&new).await);
    }
    assert!(store.add_ticket(&ticket("a", "four", Place::Free)).await.is_err(), "a hash is there once");
    let listed = async |at, limit| {
        let tickets = done(store.tickets(at, limit).await);
        tickets.into_iter().map(|ticket| (ticket.ticket.hash, ticket.state)).collect::<Vec<_>>()
    };
    let unused = |hash: &str| (hash.to_owned(), TicketState::Unused);
    assert_eq!(listed(NOW, 10).await, [unused("c"), unused("b"), unused("a")]);
    assert_eq!(listed(NOW, 1).await, [unused("c")]);
    begun(store, &by_ticket("b", "k1"), "two", 1).await;
    assert_eq!(listed(NOW, 10).await, [unused("c"), unused("a")]);
    let _alarm = done(store.enrol(&by_ticket("b", "k2")).await);
    let stolen = ("b".to_owned(), TicketState::Used { first: NOW, uses: 2 });
    assert_eq!(listed(NOW, 10).await, [unused("c"), stolen.clone(), unused("a")]);
    assert_eq!(listed(NOW + HOUR, 10).await, [unused("c"), stolen.clone()]);
    assert_eq!(done(store.forget_tickets(NOW + HOUR + 2).await), 2);
    assert_eq!(listed(NOW, 10).await, [unused("c")]);
}

/// An operator, and the bundle, see a workload with all that is kept of it.
///
/// # Panics
///
/// Where the store does something else.
pub async fn workload_is_told_as_it_is(store: &dyn Store) {
    begun(store, &by_token("cart", "k1"), "cart", 1).await;
    renewed(store, &Renewal { at: NOW + 5, ..renewal("cart", 1, None) }, Renewed::Renewed).await;
    let expected = Workload {
        identity: id("cart"),
        epoch: Epoch::FIRST,
        void: None,
        enrolled: NOW,
        renewed: NOW + 5,
        alive_until: NOW + 2 * HOUR,
        entry_keys: vec![key("k1")],
    };
    assert_eq!(told(store, "cart").await, expected);
    assert_eq!(done(store.state().await).workloads, [expected]);
    assert_eq!(done(store.workload(&id("stock")).await), None);
}
