//! Proofs of the memory of signatures: it knows an entry under the one key that verified it, and nothing else.

use super::forge::{Forge, carried, ring, signer};
use crate::Limits;
use crate::entry::EntryHash;
use crate::passport::{SeenEntries, Verifier, VerifyErrorKind};
use crate::signature::{KeyId, KeyRing};

#[test]
fn entry_is_known_under_the_key_that_verified_it_alone() {
    let seen = SeenEntries::new(&Limits::default());
    let (one, other) = (EntryHash::of("one"), EntryHash::of("other"));
    let (gateway, orders) = (signer("gateway"), signer("orders"));
    assert!(!seen.contains(&one, gateway.public_key()));
    seen.remember(&one, gateway.public_key());
    assert!(seen.contains(&one, gateway.public_key()));
    assert!(!seen.contains(&other, gateway.public_key()) && !seen.contains(&one, orders.public_key()));
}

/// Attack: an entry is sent again after the key that signed it was withdrawn.
#[test]
fn remembered_entry_of_a_withdrawn_key_is_refused() {
    let seen = SeenEntries::new(&Limits::default());
    let verifier = Verifier::default().remember(seen.clone());
    let entry = Forge::entry("gateway", 1, &[]).sign();
    let verify = |ring: &KeyRing| verifier.verify(carried(&[&entry], &[&entry]), ring).map(|it| it.len());
    assert_eq!(verify(&ring()), Ok(1));
    assert!(seen.contains(&EntryHash::of(&entry), signer("gateway").public_key()));
    assert_eq!(verify(&ring()), Ok(1));
    let mut rotated = KeyRing::new();
    let key_id = KeyId::new("gateway-1").unwrap();
    rotated
        .trust(signer("gateway").workload().clone(), key_id, signer("orders").public_key().clone())
        .unwrap();
    assert_eq!(verify(&rotated).unwrap_err().kind(), VerifyErrorKind::BadSignature);
}

/// Attack: what was refused once is sent again, in the hope that the memory took it in.
#[test]
fn entry_that_was_refused_is_not_remembered() {
    let seen = SeenEntries::new(&Limits::default());
    let verifier = Verifier::default().remember(seen.clone());
    let mut forged = Forge::entry("gateway", 1, &[]).sign();
    let other = Forge::entry("gateway", 2, &[]).sign();
    forged.replace_range(forged.len() - 86.., other.get(other.len() - 86..).unwrap());
    for _again in 0..2 {
        let refused = verifier.verify(carried(&[&forged], &[&forged]), &ring()).unwrap_err();
        assert_eq!((refused.kind(), refused.index()), (VerifyErrorKind::BadSignature, Some(0)));
    }
    assert!(!seen.contains(&EntryHash::of(&forged), signer("gateway").public_key()));
}
