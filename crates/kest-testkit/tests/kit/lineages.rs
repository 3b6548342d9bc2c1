//! Lineages hold, are the same in each run, and no longer hold once they were tampered with.

use std::time::Duration;

use http::HeaderMap;
use http::HeaderValue;
use kest_baggage::{HeaderReader, restore};
use kest_core::passport::Freshness;
use kest_core::{Limits, Passport, Verifier};
use kest_testkit::{Tamper, TestKest};

use crate::services::kit;

/// What a verifier makes of a header.
async fn verified(kit: &TestKest, baggage: HeaderValue) -> Result<Passport, String> {
    let mut headers = HeaderMap::new();
    headers.insert("baggage", baggage);
    let packed = HeaderReader::new(Limits::default()).read_headers(&headers).unwrap();
    let restored = restore(packed, None, &Limits::default()).await.unwrap();
    let passport = Verifier::new(Limits::default())
        .verify(restored.passport().unwrap(), &kit.keys())
        .map_err(|error| error.kind().as_str().to_owned())?;
    let freshness = Freshness::Within(Limits::default().max_tip_age);
    let fresh = freshness.check(&passport, kit.clock().as_ref(), &Limits::default());
    fresh.map(|()| passport).map_err(|error| error.kind().to_owned())
}

#[tokio::test]
async fn lineage_of_any_length_holds() {
    let kit = kit();
    for hops in [1, 2, 7, 40] {
        let passport = verified(&kit, kit.lineage().hops(hops).baggage()).await.unwrap();
        assert_eq!(passport.len(), hops);
    }
    let old = kit.lineage().hops(2).aged(Duration::from_secs(3600)).baggage();
    assert_eq!(verified(&kit, old).await.unwrap_err(), "too_old");
}

#[test]
fn same_test_signs_the_same_bytes() {
    let entries = || kit().lineage().hops(3).entries();
    assert_eq!(entries(), entries());
}

#[tokio::test]
async fn nothing_that_was_tampered_with_holds_and_each_way_is_found_for_its_own_reason() {
    let kit = kit();
    let lineage = kit.lineage().hops(3);
    let mut reasons = Vec::new();
    for how in Tamper::ALL {
        let name = how.name();
        let reason = verified(&kit, lineage.tampered(*how)).await.expect_err(name);
        reasons.push((name, reason));
    }
    let reason = |wanted: &str| reasons.iter().find(|(name, _)| *name == wanted).unwrap().1.as_str();
    assert_eq!(reason("forged_entry"), "bad_signature");
    assert_eq!(reason("unknown_workload"), "unknown_principal");
    assert_eq!(reason("entry_cut_out"), "broken_link");
    assert_eq!(reason("tip_replaced"), "chain_tip_mismatch");
    assert_eq!(reason("trust_raised"), "trust_raised");
    assert_eq!(reason("taint_undeclared"), "taints_differ");
    assert_eq!(reason("stale_passport"), "too_old");
    assert_eq!(reason("passport_from_the_future"), "from_the_future");
}

#[test]
#[should_panic(expected = "two hops")]
fn lineage_too_short_to_be_tampered_with_ends_the_test() {
    let _never = kit().lineage().hops(1).tampered(Tamper::EntriesSwapped);
}
