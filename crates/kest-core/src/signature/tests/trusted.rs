//! Proofs of keys: which are read at all, and that the ring which answers is the one that was given.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};

use crate::OsRandom;
use crate::passport::{Tips, UnverifiedPassport};
use crate::signature::{
    Bundle, Ed25519Signer, KeyFileError, KeyRing, KeysUnavailable, ReplaceableKeys, ResolveKeys, SkipReason,
    WorkloadId,
};

fn signer(name: &str) -> Ed25519Signer {
    Ed25519Signer::generate(WorkloadId::new(name).unwrap(), &OsRandom).unwrap()
}

fn ring_of(signer: &Ed25519Signer) -> KeyRing {
    let mut ring = KeyRing::new();
    ring.trust_signer(signer).unwrap();
    ring
}

/// The private JWK of `signer`, with other values for `changes`.
fn jwk(signer: &Ed25519Signer, changes: &[(&str, &str)]) -> String {
    let mut jwk: Value = serde_json::from_str(&signer.to_private_jwk().unwrap()).unwrap();
    for (member, value) in changes {
        jwk[*member] = json!(value);
    }
    jwk.to_string()
}

#[test]
fn key_of_another_curve_or_type_is_neither_signed_with_nor_trusted() {
    let signer = signer("cart");
    assert!(Ed25519Signer::from_jwk(&jwk(&signer, &[])).is_ok());
    for other in [("crv", "X25519"), ("kty", "EC")] {
        let read = Ed25519Signer::from_jwk(&jwk(&signer, &[other]));
        assert!(matches!(read, Err(KeyFileError::NotAPrivateJwk)), "{other:?}");
        let mut public: Value = serde_json::from_str(&jwk(&signer, &[other])).unwrap();
        public.as_object_mut().unwrap().remove("d");
        let bundle = Bundle::from_json(public.to_string().as_bytes()).unwrap();
        assert_eq!((bundle.skipped(), bundle.ring().keys().count()), (&[SkipReason::OtherType][..], 0));
    }
}

#[cfg(unix)]
#[test]
fn key_file_is_read_to_its_bound_and_no_further() {
    use std::os::unix::fs::PermissionsExt as _;
    let signer = signer("cart");
    let text = signer.to_private_jwk().unwrap();
    let path = std::env::temp_dir().join(format!("kest-long-{}.jwk", signer.key_id()));
    let read = |bytes: usize| {
        std::fs::write(&path, format!("{}{}", " ".repeat(bytes - text.len()), text.as_str())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Ed25519Signer::from_file(&path)
    };
    let (at_the_bound, over_it) = (read(16 * 1024), read(16 * 1024 + 1));
    std::fs::remove_file(&path).unwrap();
    assert!(at_the_bound.is_ok());
    assert!(matches!(over_it, Err(KeyFileError::NotAPrivateJwk)));
}

#[cfg(unix)]
#[test]
fn bundle_file_is_read_to_its_bound_and_no_further() {
    let cart = signer("cart");
    let text = Bundle::to_json(&ring_of(&cart)).unwrap();
    let path = std::env::temp_dir().join(format!("kest-long-{}.json", cart.key_id()));
    let read = |bytes: usize| {
        std::fs::write(&path, format!("{}{text}", " ".repeat(bytes - text.len()))).unwrap();
        Bundle::from_file(&path)
    };
    let (at_the_bound, over_it) = (read(1024 * 1024), read(1024 * 1024 + 1));
    std::fs::remove_file(&path).unwrap();
    assert!(at_the_bound.unwrap().ring().knows(cart.workload()));
    assert!(over_it.is_err());
}

#[test]
fn bundle_gives_the_keys_that_stand_in_it() {
    let (cart, till) = (signer("cart"), signer("till"));
    let written = Bundle::to_json(&ring_of(&cart)).unwrap();
    let bundle = Bundle::from_json(written.as_bytes()).unwrap();
    assert!(bundle.ring().knows(cart.workload()) && !bundle.ring().knows(till.workload()));
    assert!(bundle.ring().has_key(cart.key_id()) && !bundle.ring().has_key(till.key_id()));
    assert!(bundle.skipped().is_empty());
    let ring = bundle.into_ring();
    let keys: Vec<_> = ring.keys().collect();
    assert_eq!(keys, [(cart.workload(), cart.key_id(), cart.public_key())]);
}

/// Asks for the keys of a passport; a ring in memory answers at once.
fn answer(keys: &dyn ResolveKeys) -> Arc<KeyRing> {
    let limits = crate::Limits::default();
    let none = Tips::parse("0", &limits).unwrap();
    let passport = UnverifiedPassport::from_json(b"[]", none, &limits).unwrap();
    match pin!(keys.ring_for(&passport)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ring) => ring.unwrap(),
        Poll::Pending => panic!("it waits"),
    }
}

/// Attack: an entry signed with a key that was withdrawn while the service ran.
#[test]
fn replaced_ring_withdraws_the_keys_that_it_lacks() {
    let (cart, till) = (signer("cart"), signer("till"));
    let keys = ReplaceableKeys::new(ring_of(&cart));
    let other = keys.clone();
    assert!(answer(&keys).knows(cart.workload()) && keys.current().knows(cart.workload()));
    other.replace(ring_of(&till));
    for ring in [answer(&keys), keys.current()] {
        assert!(ring.knows(till.workload()) && !ring.knows(cart.workload()));
    }
    assert!(answer(&Arc::new(ring_of(&cart))).knows(cart.workload()));
}

#[test]
fn keys_that_are_away_say_why_where_the_resolver_named_it() {
    assert_eq!(KeysUnavailable::new("no route").kind(), None);
    assert_eq!(KeysUnavailable::new("no route").of_kind("bundle_stale").kind(), Some("bundle_stale"));
}
