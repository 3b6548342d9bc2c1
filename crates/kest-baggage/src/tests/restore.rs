//! Attacks on and proofs of restoring.

use std::sync::Arc;

use kest_core::{Dialect, Verifier};

use super::*;
use crate::rig::{Counting, Moody, claims, fan_out, line, packed, passport, received, ring};
use crate::{ClaimCheck, HeaderReader, Tiers};

const CLAIM: &str = "a6513107-f5af-429c-b91b-5594dd9cfcbe";

fn strict() -> HeaderReader {
    HeaderReader::default()
}

fn legacy() -> HeaderReader {
    HeaderReader::default().dialect(Dialect::LegacyPython)
}

async fn refusal(reader: &HeaderReader, line: &str, store: Option<&dyn PassportStore>) -> RestoreError {
    let packed = reader.read([line.as_bytes()]).unwrap();
    restore(packed, store, &Limits::default()).await.unwrap_err()
}

#[track_caller]
fn check_class(error: &RestoreError, kind: &str, class: RestoreFailure) {
    assert_eq!((error.kind(), error.class()), (kind, class));
}

#[tokio::test]
async fn absent_passport_is_a_value_and_asks_no_store() {
    let restored = restore(PackedPassport::absent(), Some(&Moody::Down), &Limits::default()).await.unwrap();
    assert_eq!(restored.tier(), None);
    assert!(restored.passport().is_none());
}

#[tokio::test]
async fn empty_array_is_a_passport_and_not_an_absent_one() {
    let empty = strict().read([&b"kest.passport=[],kest.chain_tip=0"[..]]).unwrap();
    let restored = restore(empty, None, &Limits::default()).await.unwrap();
    assert_eq!(restored.tier(), Some(Tier::Inline));
    let verified = Verifier::new(Limits::default()).verify(restored.passport().unwrap(), &ring());
    assert!(verified.unwrap().is_empty());
}

#[tokio::test]
async fn text_that_is_no_passport_is_malformed() {
    for json in ["", "x", "{}", "[1]", "[null]", "[%22a%22", "[%22a%22]x", "[[[[[[[[[["] {
        let line = format!("kest.passport={json},kest.chain_tip=0");
        let error = refusal(&strict(), &line, None).await;
        check_class(&error, "passport_malformed", RestoreFailure::Malformed);
    }
    let error = refusal(&strict(), "kest.passport_z=AAAA,kest.chain_tip=0", None).await;
    check_class(&error, "passport_not_zlib", RestoreFailure::Malformed);
    let error = refusal(&strict(), "kest.passport_z=A,kest.chain_tip=0", None).await;
    check_class(&error, "passport_not_base64", RestoreFailure::Malformed);
}

#[tokio::test]
async fn too_many_entries_are_over_the_limit() {
    let mut limits = Limits::default();
    limits.entries = 2;
    let line = b"kest.passport=[%22a%22%2C%22b%22%2C%22c%22],kest.chain_tip=0";
    let error = restore(strict().read([&line[..]]).unwrap(), None, &limits).await.unwrap_err();
    check_class(&error, "passport_over_limit", RestoreFailure::OverLimit);
}

#[tokio::test]
async fn every_failure_of_a_claim_store_has_its_own_answer() {
    let line = format!("kest.claim_check={CLAIM},kest.chain_tip=0");
    let cases: [(Option<&dyn PassportStore>, &str, RestoreFailure); 7] = [
        (None, "passport_store_missing", RestoreFailure::StoreUnavailable),
        (Some(&*claims()), "claim_check_gone", RestoreFailure::ClaimCheckGone),
        (Some(&Moody::Down), "passport_store_unavailable", RestoreFailure::StoreUnavailable),
        (Some(&Moody::Spoilt), "claim_check_malformed", RestoreFailure::ClaimCheckMalformed),
        (Some(&Moody::Gives(b"[\"a")), "claim_check_malformed", RestoreFailure::ClaimCheckMalformed),
        (Some(&Moody::Gives(b"[\"\xff\"]")), "claim_check_malformed", RestoreFailure::ClaimCheckMalformed),
        (
            Some(&Moody::Gives(&[b' '; 5_000_000])),
            "claim_check_malformed",
            RestoreFailure::ClaimCheckMalformed,
        ),
    ];
    for (store, kind, class) in cases {
        check_class(&refusal(&strict(), &line, store).await, kind, class);
    }
}

#[tokio::test(start_paused = true)]
async fn silent_store_is_waited_for_no_longer_than_the_limit() {
    let line = format!("kest.claim_check={CLAIM},kest.chain_tip=0");
    let began = tokio::time::Instant::now();
    let error = refusal(&strict(), &line, Some(&Moody::Silent)).await;
    check_class(&error, "passport_store_slow", RestoreFailure::StoreUnavailable);
    let waited = began.elapsed();
    assert!(
        waited >= Limits::default().passport_store_wait && waited < Limits::default().passport_store_wait * 2
    );
}

#[tokio::test]
async fn claim_of_another_lineage_is_refused_before_it_is_verified() {
    let store = Arc::new(Counting::default());
    let tiers = Tiers::auto().threshold(0).store(Arc::<Counting>::clone(&store));
    let (one, other) = (passport(3).await, passport(2).await);
    let line = line(&packed(&one, &tiers).await);
    let swapped = line.replace(&one.tips().to_string(), &other.tips().to_string());
    let error = refusal(&strict(), &swapped, Some(store.as_ref())).await;
    check_class(&error, "claim_check_of_another_lineage", RestoreFailure::ClaimCheckMalformed);
    let empty = line.replace(&one.tips().to_string(), "0");
    let error = refusal(&strict(), &empty, Some(store.as_ref())).await;
    check_class(&error, "claim_check_of_another_lineage", RestoreFailure::ClaimCheckMalformed);
}

#[tokio::test]
async fn claim_whose_tail_was_cut_off_is_refused() {
    let store = Arc::new(Counting::default());
    let tiers = Tiers::auto().threshold(0).store(Arc::<Counting>::clone(&store));
    for whole in [passport(3).await, fan_out(3).await] {
        let line = line(&packed(&whole, &tiers).await);
        let texts: Vec<_> = whole.entries().iter().map(|entry| format!("\"{}\"", entry.compact())).collect();
        let cut = format!("[{}]", texts[..texts.len() - 1].join(","));
        store.kept.lock().unwrap().last_mut().unwrap().1 = cut.into();
        let error = refusal(&strict(), &line, Some(store.as_ref())).await;
        check_class(&error, "claim_check_of_another_lineage", RestoreFailure::ClaimCheckMalformed);
    }
}

/// A header as a legacy writer leaves it: all three tiers, each with another lineage, and the tips of one of them.
async fn stale(inline: usize, compressed: usize, claimed: usize, tip: usize) -> (String, Arc<Counting>) {
    let store = Arc::new(Counting::default());
    let long = crate::rig::lineage(&crate::rig::kest(), 4).await;
    let cut = |entries: usize| {
        let compacts = long.passport().entries()[..entries].iter();
        let texts: Vec<String> = compacts.map(|entry| format!("\"{}\"", entry.compact())).collect();
        format!("[{}]", texts.join(", "))
    };
    let claim = ClaimCheck::parse(CLAIM).unwrap();
    let ttl = std::time::Duration::from_secs(1);
    store.put(&claim, cut(claimed).into(), ttl).await.unwrap();
    let compressed = compressed::write(&cut(compressed), 8000, &Limits::default()).unwrap();
    let tip = long.passport().entries()[tip - 1].hash();
    let line =
        format!("kest.passport={},{compressed},kest.claim_check={CLAIM},kest.chain_tip={tip}", cut(inline));
    (line, store)
}

#[tokio::test]
async fn legacy_dialect_takes_the_tier_whose_tips_were_announced() {
    for (lengths, tier) in [
        ([1, 2, 3], Tier::ClaimCheck),
        ([1, 3, 2], Tier::Compressed),
        ([3, 1, 2], Tier::Inline),
        ([3, 4, 4], Tier::Inline),
    ] {
        let (line, store) = stale(lengths[0], lengths[1], lengths[2], 3).await;
        let (passport, came_by) = received(&legacy(), &line, Some(store.as_ref())).await.unwrap();
        assert_eq!((passport.len(), came_by), (3, tier));
    }
}

#[tokio::test]
async fn stale_tiers_alone_are_refused() {
    let (line, store) = stale(1, 2, 2, 3).await;
    let error = refusal(&legacy(), &line, Some(store.as_ref())).await;
    check_class(&error, "passport_no_match", RestoreFailure::Malformed);
    let error = refusal(&legacy(), &line, Some(&Moody::Down)).await;
    check_class(&error, "passport_store_unavailable", RestoreFailure::StoreUnavailable);
}

#[tokio::test]
async fn all_tips_of_a_fan_out_are_announced_and_hold() {
    let passport = fan_out(3).await;
    let line = line(&packed(&passport, &Tiers::compressed_always()).await);
    assert_eq!(line.matches("%2C").count(), 2);
    let (again, _tier) = received(&strict(), &line, None).await.unwrap();
    assert_eq!(again.tips(), passport.tips());
    assert_eq!(again.tips().as_slice().len(), 3);
}

#[test]
fn messages_and_debug_show_no_content() {
    let restored = Restored {
        passport: UnverifiedPassport::dangerous_from_entries(["secret"], None, &Limits::default()).ok(),
        tier: Some(Tier::Inline),
    };
    assert!(!format!("{restored:?}").contains("secret"));
}
