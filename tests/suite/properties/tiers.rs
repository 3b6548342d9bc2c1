//! Packing and restoring give back the same passport, whichever way it travels.

use std::sync::Arc;

use http::HeaderMap;
use kest_baggage::{HeaderReader, InMemoryPassports, PassportStore, Tier, Tiers, pack, restore};
use kest_core::{Identity, Limits, OsRandom, Passport, Verifier};
use kest_tests::keys::ring;
use proptest::prelude::*;

use super::lineage::{lineages, made};
use super::{compacts, for_all};

#[test]
fn every_tier_gives_back_what_was_packed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for_all(160, &lineages(8), |steps| {
        let passport = made(&steps).unwrap();
        for tier in [Tier::Inline, Tier::Compressed, Tier::ClaimCheck] {
            let (found, again) = runtime.block_on(travelled(&passport, only(tier), &roomy()));
            prop_assert_eq!(found, tier);
            prop_assert_eq!(compacts(&again), compacts(&passport));
            prop_assert_eq!(again.tips(), passport.tips());
        }
        Ok(())
    });
}

#[test]
fn first_tier_that_fits_is_taken_and_gives_back_what_was_packed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let limits = Limits::default();
    let thresholds = prop_oneof![Just(4096_usize), 0..9000_usize];
    for_all(160, &(lineages(8), thresholds), |(steps, threshold)| {
        let passport = made(&steps).unwrap();
        let (found, again) =
            runtime.block_on(travelled(&passport, Tiers::auto().threshold(threshold), &limits));
        prop_assert_eq!(compacts(&again), compacts(&passport));
        let smaller = [Tier::Inline, Tier::Compressed].into_iter().take_while(|tier| *tier < found);
        for tier in smaller {
            let (member, whole) = runtime.block_on(lengths(&passport, tier));
            prop_assert!(
                member > threshold || whole + LINE > limits.outgoing_header_bytes,
                "{member} in {tier}"
            );
        }
        Ok(())
    });
}

/// What the line has beside its value.
const LINE: usize = "baggage: \r\n".len();

/// Steps 8, 1, 2 and 3.
async fn travelled(passport: &Passport, tiers: Tiers, limits: &Limits) -> (Tier, Passport) {
    let store: Arc<dyn PassportStore> = Arc::new(InMemoryPassports::new(limits));
    let tiers = tiers.store(Arc::clone(&store));
    let header = pack(passport, &Identity::default(), &tiers, &OsRandom, limits).await.unwrap();
    let mut headers = HeaderMap::new();
    header.inject(&mut headers, limits).unwrap();
    let packed = HeaderReader::new(limits.clone()).read_headers(&headers).unwrap();
    assert_eq!(packed.tier(), header.tier());
    let restored = restore(packed, Some(store.as_ref()), limits).await.unwrap();
    let tier = restored.tier().unwrap();
    let verified = Verifier::new(limits.clone()).verify(restored.passport().unwrap(), &ring());
    (tier, verified.unwrap())
}

/// How long the member of `tier` is, name and value, and how long it is with the tips behind it.
async fn lengths(passport: &Passport, tier: Tier) -> (usize, usize) {
    let anonymous = Identity::default();
    let header = pack(passport, &anonymous, &only(tier), &OsRandom, &roomy()).await.unwrap();
    let mut headers = HeaderMap::new();
    header.inject(&mut headers, &roomy()).unwrap();
    let line = headers["baggage"].to_str().unwrap();
    (line.split(',').next().unwrap().len(), line.len())
}

/// Takes `tier` and no other, as long as there is room.
fn only(tier: Tier) -> Tiers {
    match tier {
        Tier::Inline => Tiers::auto().threshold(usize::MAX),
        Tier::Compressed => Tiers::compressed_always().threshold(usize::MAX),
        Tier::ClaimCheck => Tiers::auto().threshold(0),
    }
}

/// Room for any generated lineage in any tier.
fn roomy() -> Limits {
    let mut limits = Limits::default();
    limits.header_bytes = 1 << 20;
    limits.outgoing_header_bytes = 1 << 20;
    limits
}
