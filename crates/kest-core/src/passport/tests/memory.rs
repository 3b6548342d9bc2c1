//! Proofs of the memory of entries: it knows one by the key and the rules that it was verified by, and nothing else.

use std::sync::Arc;

use super::forge::{Forge, carried, ring, signer};
use crate::Limits;
use crate::entry::{EntryHash, FormError};
use crate::passport::{SeenEntries, Verifier, VerifyErrorKind, WorkloadRules};
use crate::signature::{KeyId, KeyRing};
use crate::trust::TrustScore;

fn seen(memory: &SeenEntries, compact: &str, workload: &str) -> bool {
    memory.is_signed_by(&EntryHash::of(compact), signer(workload).public_key())
}

/// A verifier that remembers, and its memory.
fn remembering() -> (Verifier, SeenEntries) {
    let memory = SeenEntries::new(&Limits::default());
    (Verifier::default().remember(memory.clone()), memory)
}

#[test]
fn entry_is_known_under_the_key_that_verified_it_alone() {
    let (verifier, memory) = remembering();
    let (one, other) = (Forge::entry("gateway", 1, &[]).sign(), Forge::entry("gateway", 2, &[]).sign());
    assert!(!seen(&memory, &one, "gateway"));
    verifier.verify(carried(&[&one], &[&one]), &ring()).unwrap();
    assert!(seen(&memory, &one, "gateway"));
    assert!(!seen(&memory, &other, "gateway") && !seen(&memory, &one, "orders"));
}

#[test]
fn entry_that_is_seen_again_is_shared_and_not_made_anew() {
    let (verifier, _memory) = remembering();
    let root = Forge::entry("gateway", 1, &[]).sign();
    let child = Forge::entry("orders", 2, &[&root]).sign();
    let first = verifier.verify(carried(&[&root], &[&root]), &ring()).unwrap();
    let longer = verifier.verify(carried(&[&root, &child], &[&child]), &ring()).unwrap();
    let again = verifier.verify(carried(&[&root, &child], &[&child]), &ring()).unwrap();
    let place =
        |passport: &crate::Passport, index: usize| Arc::as_ptr(passport.entries().get(index).unwrap());
    assert_eq!(place(&first, 0), place(&longer, 0));
    assert_eq!(place(&longer, 1), place(&again, 1));
    assert_eq!((again.len(), again.tips()), (2, longer.tips()));
}

/// Attack: entries that are known each are put together to a passport that never was one.
#[test]
fn known_entries_are_no_known_passport() {
    let (verifier, _memory) = remembering();
    let root = Forge::entry("gateway", 1, &[]).sign();
    let child = Forge::entry("orders", 2, &[&root]).sign();
    let verify = |entries: &[&str], tips: &[&str]| verifier.verify(carried(entries, tips), &ring());
    verify(&[&root, &child], &[&child]).unwrap();
    let refused = |entries: &[&str], tips: &[&str]| verify(entries, tips).unwrap_err().kind();
    assert_eq!(refused(&[&child], &[&child]), VerifyErrorKind::BrokenLink);
    assert_eq!(refused(&[&child, &root], &[&child]), VerifyErrorKind::BrokenLink);
    assert_eq!(refused(&[&root, &root], &[&root]), VerifyErrorKind::DuplicateEntry);
    assert_eq!(refused(&[&root, &child, &child], &[&child]), VerifyErrorKind::DuplicateEntry);
    assert_eq!(refused(&[&root, &child], &[&root]), VerifyErrorKind::TipsDiffer);
}

/// Attack: what was proved by mild rules is brought where strict ones hold, over a memory that both share.
#[test]
fn entry_that_other_rules_let_pass_is_proved_again() {
    let (mild, memory) = remembering();
    let root = Forge::entry("gateway", 1, &[]).sign();
    mild.verify(carried(&[&root], &[&root]), &ring()).unwrap();
    let short = Limits { entry_bytes: root.len() - 1, ..Limits::default() };
    let strict = Verifier::new(short).remember(memory);
    let refused = strict.verify(carried(&[&root], &[&root]), &ring()).unwrap_err();
    assert_eq!(refused.kind(), VerifyErrorKind::Form(FormError::TooLong));
    let gateway = signer("gateway").workload().clone();
    let rules = WorkloadRules::default().highest_trust(gateway, TrustScore::NONE);
    let capped = mild.clone().workload_rules(rules);
    let refused = capped.verify(carried(&[&root], &[&root]), &ring()).unwrap_err();
    assert_eq!(refused.kind(), VerifyErrorKind::TrustOverCap);
    assert!(mild.verify(carried(&[&root], &[&root]), &ring()).is_ok());
}

/// Attack: entries as large as they may be, in the hope that the memory counts them and not their bytes.
#[test]
fn memory_is_bounded_in_bytes() {
    let limits = Limits { seen_bytes: 64 * 1024, ..Limits::default() };
    let memory = SeenEntries::new(&limits);
    let verifier = Verifier::new(limits).remember(memory.clone());
    let entries: Vec<String> = (1..=60).map(|number| Forge::entry("gateway", number, &[]).sign()).collect();
    for entry in &entries {
        verifier.verify(carried(&[entry], &[entry]), &ring()).unwrap();
    }
    assert!((1..=64 * 1024).contains(&memory.bytes()));
    let known = entries.iter().filter(|entry| seen(&memory, entry, "gateway")).count();
    assert!((1..=64 * 1024 / 1536).contains(&known), "{known}");
}

/// Attack: an entry is sent again after the key that signed it was withdrawn.
#[test]
fn remembered_entry_of_a_withdrawn_key_is_refused() {
    let (verifier, memory) = remembering();
    let entry = Forge::entry("gateway", 1, &[]).sign();
    let verify = |ring: &KeyRing| verifier.verify(carried(&[&entry], &[&entry]), ring).map(|it| it.len());
    assert_eq!(verify(&ring()), Ok(1));
    assert!(seen(&memory, &entry, "gateway"));
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
    let (verifier, memory) = remembering();
    let mut forged = Forge::entry("gateway", 1, &[]).sign();
    let other = Forge::entry("gateway", 2, &[]).sign();
    forged.replace_range(forged.len() - 86.., other.get(other.len() - 86..).unwrap());
    for _again in 0..2 {
        let refused = verifier.verify(carried(&[&forged], &[&forged]), &ring()).unwrap_err();
        assert_eq!((refused.kind(), refused.index()), (VerifyErrorKind::BadSignature, Some(0)));
    }
    assert!(!seen(&memory, &forged, "gateway"));
}
