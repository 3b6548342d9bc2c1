//! Attacks on claims by a writer of the store, a reader of a header, or a member of another tenant.

use std::time::Duration;

use kest_core::{Clock as _, Limits, OsRandom};
use kest_testkit::TestClock;

use super::*;
use crate::rig::{passport, received};
use crate::seals::{Deployment, audience, key, kind, redeemed, redeemed_by, sealing, sent};
use crate::{HeaderReader, InMemoryPassports, SealingKey, seal};

#[tokio::test]
async fn sealed_claim_brings_back_its_passport_any_number_of_times() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop"));
    let passport = passport(3).await;
    let (line, claim) = sent(&passport, &claims).await;
    for _ in 0..3 {
        assert_eq!(redeemed(&line, &claims).await.unwrap().to_json(), passport.to_json());
    }
    let value = shop.value(&claim).await;
    assert!(value.starts_with(b"eyJ"), "the store holds a JWE");
    let entry = passport.entries()[0].compact().to_owned();
    assert!(!String::from_utf8_lossy(&value).contains(&entry));
}

#[tokio::test]
async fn values_swapped_between_two_claims_are_refused() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop"));
    // The same passport twice, so that nothing but the claim tells them apart.
    let passport = passport(2).await;
    let ((line_a, a), (line_b, b)) = (sent(&passport, &claims).await, sent(&passport, &claims).await);
    let (value_a, value_b) = (shop.value(&a).await, shop.value(&b).await);
    shop.plant(&a, value_b).await;
    shop.plant(&b, value_a).await;
    assert_eq!(kind(&line_a, &claims).await, "claim_check_swapped");
    assert_eq!(kind(&line_b, &claims).await, "claim_check_swapped");
}

#[tokio::test]
async fn passport_of_another_caller_under_the_announced_tips_is_refused() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop"));
    let (mine, other) = (passport(2).await, passport(3).await);
    let (line, _claim) = sent(&mine, &claims).await;
    let foreign = line.replace(&mine.tips().to_string(), &other.tips().to_string());
    assert_eq!(kind(&foreign, &claims).await, "claim_check_of_another_lineage");
}

#[tokio::test]
async fn claim_of_another_tenant_is_refused_under_the_same_key_and_store() {
    let both = Deployment::new();
    let (shop, bank) = (both.claims(sealing("k1", "shop")), both.claims(sealing("k1", "bank")));
    let (line, _claim) = sent(&passport(2).await, &shop).await;
    assert_eq!(kind(&line, &bank).await, "claim_check_of_another_audience");
    assert!(redeemed(&line, &shop).await.is_ok());
}

#[tokio::test]
async fn writer_that_names_its_readers_is_read_by_those_and_no_others() {
    let one = Deployment::new();
    let readers = ["stock", "ledger"].map(audience);
    let orders = one.claims(sealing("k1", "orders").write_for(readers).unwrap());
    let (line, _claim) = sent(&passport(2).await, &orders).await;
    for reader in ["stock", "ledger"] {
        assert!(redeemed(&line, &one.claims(sealing("k1", reader))).await.is_ok(), "{reader}");
    }
    assert_eq!(kind(&line, &orders).await, "claim_check_of_another_audience");
}

#[tokio::test]
async fn value_that_the_store_kept_too_long_is_refused() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop"));
    let (line, claim) = sent(&passport(2).await, &claims).await;
    let value = shop.value(&claim).await;
    shop.hands.advance(Limits::default().claim_check_ttl - Duration::from_millis(1));
    assert!(redeemed(&line, &claims).await.is_ok(), "not a moment too early");
    shop.hands.advance(Duration::from_millis(1));
    shop.plant(&claim, value).await;
    assert_eq!(kind(&line, &claims).await, "claim_check_seal_expired");
}

#[tokio::test]
async fn plain_value_planted_in_a_sealed_deployment_is_refused() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop"));
    let passport = passport(2).await;
    let (line, claim) = sent(&passport, &claims).await;
    for planted in [passport.to_json(), format!("\n\t {}", passport.to_json())] {
        shop.plant(&claim, planted).await;
        assert_eq!(kind(&line, &claims).await, "claim_check_not_sealed");
    }
    for planted in ["", "{}", "null", "\u{feff}[]", "\"[]\""] {
        shop.plant(&claim, planted).await;
        assert_eq!(kind(&line, &claims).await, "claim_check_seal_malformed");
    }
}

#[tokio::test]
async fn plain_value_is_read_only_where_somebody_said_so_and_sealed_ones_are_still_held_to_their_seal() {
    let shop = Deployment::new();
    let lenient = shop.claims(sealing("k1", "shop").dangerous_accept_plain());
    let passport = passport(2).await;
    let (line, claim) = sent(&passport, &lenient).await;
    assert!(redeemed(&line, &lenient).await.is_ok());
    shop.plant(&claim, passport.to_json()).await;
    assert!(redeemed(&line, &lenient).await.is_ok());
    let (_line, other) = sent(&passport, &lenient).await;
    shop.plant(&claim, shop.value(&other).await).await;
    assert_eq!(kind(&line, &lenient).await, "claim_check_swapped");
}

#[tokio::test]
async fn sealed_value_is_rubbish_to_a_reader_without_a_key() {
    let shop = Deployment::new();
    let (line, _claim) = sent(&passport(2).await, &shop.claims(sealing("k1", "shop"))).await;
    let plain = received(&HeaderReader::default(), &line, Some(shop.store.as_ref())).await;
    assert_eq!(plain.unwrap_err().kind(), "claim_check_malformed");
    let keyless = PassportStores::from(Arc::<InMemoryPassports>::clone(&shop.store));
    assert_eq!(kind(&line, &keyless).await, "claim_check_malformed");
}

#[tokio::test]
async fn two_keys_are_live_during_a_rotation_and_the_retired_one_is_not() {
    let shop = Deployment::new();
    let passport = passport(2).await;
    let old = shop.claims(sealing("k1", "shop").also_opens(key("k2")).unwrap());
    let new = shop.claims(sealing("k2", "shop").also_opens(key("k1")).unwrap());
    let ((by_old, _), (by_new, _)) = (sent(&passport, &old).await, sent(&passport, &new).await);
    for reader in [&old, &new] {
        assert!(redeemed(&by_old, reader).await.is_ok() && redeemed(&by_new, reader).await.is_ok());
    }
    let after = shop.claims(sealing("k2", "shop"));
    assert_eq!(kind(&by_old, &after).await, "claim_check_key_unknown");
    assert!(redeemed(&by_new, &after).await.is_ok());
    let impostor = SealingKey::new(key("k2").id().clone(), &[9; 32]);
    let impostor = shop.claims(Sealing::new(impostor, audience("shop")));
    assert_eq!(kind(&by_new, &impostor).await, "claim_check_seal_broken");
}

#[tokio::test]
async fn tips_that_nobody_announced_are_those_of_the_seal() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("k1", "shop"));
    let (mine, other) = (passport(3).await, passport(2).await);
    let (line, claim) = sent(&mine, &claims).await;
    let bare = line.split(',').next().unwrap();
    let reader = HeaderReader::default().dangerous_accept_missing_tip();
    assert_eq!(redeemed_by(&reader, bare, &claims).await.unwrap().tips(), mine.tips());
    // Sealed by someone who has the key and lies about the tips: what lies there does not end in them.
    let (tips, expires) = (other.tips(), shop.hands.unix_seconds() + 9);
    let lie =
        seal::seal(mine.to_json().into_bytes(), (&claim, &tips), expires, &sealing("k1", "shop"), &OsRandom);
    shop.plant(&claim, lie.unwrap()).await;
    let refused = redeemed_by(&reader, bare, &claims).await.unwrap_err();
    assert_eq!(refused.kind(), "claim_check_of_another_lineage");
}

#[tokio::test]
async fn debug_shows_no_key_and_no_passport() {
    let shop = Deployment::new();
    let claims = shop.claims(sealing("topsecret", "shop").also_opens(key("other-key")).unwrap());
    let shown = format!("{claims:?} {:?}", key("topsecret"));
    for part in ["90, 90", "5a", "Wlpa", "116, 111, 112"] {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(shown.contains("KeyId(\"topsecret\")"), "{shown}");
}

#[test]
fn claims_are_the_same_only_at_the_same_place_under_the_same_seal() {
    let (shop, spare) = (Deployment::new(), Deployment::new());
    let second = |to: &Deployment| Fallback::Second(Arc::<InMemoryPassports>::clone(&to.store));
    let plain = || PassportStores::from(Arc::<InMemoryPassports>::clone(&shop.store));
    let sealed = shop.claims(sealing("k1", "shop"));
    assert!(plain().same_as(&plain()) && sealed.same_as(&sealed.clone()));
    assert!(plain().fallback(second(&spare)).same_as(&plain().fallback(second(&spare))));
    for other in [
        PassportStores::from(Arc::<InMemoryPassports>::clone(&spare.store)),
        plain().fallback(second(&spare)),
        plain().clock(Arc::new(TestClock::default())),
        sealed.clone(),
    ] {
        assert!(!plain().same_as(&other));
    }
    assert!(!sealed.same_as(&shop.claims(sealing("k1", "shop"))));
}
