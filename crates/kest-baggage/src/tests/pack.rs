//! Proofs that what is packed comes back.

use kest_core::trust::Origin;
use kest_testkit::NoRandom;
use proptest::prelude::*;

use super::*;
use crate::rig::{
    Counting, Moody, claims, kest, line, lineage, operation, packed, packed_for, passport, received,
};
use crate::{HeaderReader, InMemoryPassports, PassportStore};

fn strict() -> HeaderReader {
    HeaderReader::default()
}

async fn failure(passport: &Passport, tiers: &Tiers) -> PackError {
    packed_for(passport, &Identity::default(), tiers).await.unwrap_err()
}

#[tokio::test]
async fn every_tier_brings_back_the_same_passport() {
    let store = claims();
    let tiers = |tiers: Tiers| tiers.store(Arc::<InMemoryPassports>::clone(&store));
    for (entries, tiers, tier) in [
        (1, tiers(Tiers::auto()), Tier::Inline),
        (2, tiers(Tiers::auto()), Tier::Inline),
        (5, tiers(Tiers::auto()), Tier::Compressed),
        (60, tiers(Tiers::auto()), Tier::ClaimCheck),
        (1, tiers(Tiers::compressed_always()), Tier::Compressed),
        (60, tiers(Tiers::compressed_always()), Tier::ClaimCheck),
        (1, tiers(Tiers::auto().threshold(0)), Tier::ClaimCheck),
    ] {
        let passport = passport(entries).await;
        let header = packed(&passport, &tiers).await;
        assert_eq!((header.tier(), header.members()), (Some(tier), 2));
        let line = line(&header);
        assert_eq!(line.len(), header.bytes());
        let (again, came_by) = received(&strict(), &line, Some(store.as_ref())).await.unwrap();
        assert_eq!((again.to_json(), came_by), (passport.to_json(), tier));
    }
    assert_eq!(store.len(), 3);
}

#[tokio::test]
async fn empty_passport_needs_no_member() {
    let identity = Identity::default().with_user("ann");
    let header = packed_for(&Passport::empty(), &identity, &Tiers::auto()).await.unwrap();
    assert_eq!((header.tier(), header.bytes(), header.members()), (None, 0, 0));
    assert_eq!(line(&header), "");
}

#[tokio::test]
async fn threshold_counts_the_encoded_member_with_its_name() {
    let passport = passport(2).await;
    let inline = line(&packed(&passport, &Tiers::auto()).await);
    let member = inline.split(',').next().unwrap().len();
    let tier = async |threshold| {
        let tiers = Tiers::auto().threshold(threshold);
        packed(&passport, &tiers).await.tier()
    };
    assert_eq!(tier(member).await, Some(Tier::Inline));
    assert_eq!(tier(member - 1).await, Some(Tier::Compressed));
}

#[tokio::test]
async fn passport_without_a_fitting_tier_is_an_error() {
    let long = passport(60).await;
    let error = failure(&long, &Tiers::auto()).await;
    assert!(matches!(error, PackError::TooLarge(bytes) if bytes == long.to_json().len()));
}

#[tokio::test]
async fn wide_threshold_never_beats_the_header_limit() {
    let store: Arc<dyn PassportStore> = claims();
    let tiers = Tiers::auto().threshold(1 << 20).store(store);
    for entries in [1, 4, 8, 12, 20, 60] {
        let header = packed(&passport(entries).await, &tiers).await;
        let line = "baggage: \r\n".len() + header.bytes();
        assert!(line <= Limits::default().outgoing_header_bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn failing_store_means_no_header() {
    let passport = passport(1).await;
    let tiers = |store| Tiers::auto().threshold(0).store(Arc::new(store));
    let error = failure(&passport, &tiers(Moody::Down)).await;
    assert!(matches!(error, PackError::PassportStore(cause) if cause.may_retry()));
    let began = tokio::time::Instant::now();
    let error = failure(&passport, &tiers(Moody::Silent)).await;
    assert!(matches!(error, PackError::PassportStoreSlow));
    assert!(began.elapsed() < Limits::default().passport_store_wait * 2);
    let (tiers, limits) = (tiers(Moody::Down), Limits::default());
    let no_random = pack(&passport, &Identity::default(), &tiers, &NoRandom::default(), &limits).await;
    assert!(matches!(no_random, Err(PackError::Random(_))));
}

#[tokio::test]
async fn claim_lies_under_its_id_for_the_protocols_time() {
    let store = Arc::new(Counting::default());
    let passport = passport(1).await;
    let tiers = Tiers::auto().threshold(0).store(Arc::<Counting>::clone(&store));
    let line = line(&packed(&passport, &tiers).await);
    let (claim, kept, time_to_live) = store.kept.lock().unwrap()[0].clone();
    assert_eq!(kept, passport.to_json());
    assert_eq!(time_to_live, Limits::default().claim_check_ttl);
    assert_eq!(line, format!("kest.claim_check={claim},kest.chain_tip={}", passport.tips()));
}

#[tokio::test]
async fn identity_is_written_escaped_and_long_or_empty_values_are_left_out() {
    let passport = passport(1).await;
    let identity = Identity::default()
        .with_user("Jos\u{e9}, 100%; a=b,kest.user=admin")
        .with_agent("x".repeat(257))
        .with_task("");
    let tiers = Tiers::compressed_always();
    let header = packed_for(&passport, &identity, &tiers).await.unwrap();
    assert_eq!(header.members(), 3);
    let line = line(&header);
    assert!(line.ends_with(",kest.user=Jos%C3%A9%2C%20100%25%3B%20a=b%2Ckest.user=admin"));
    assert!(received(&strict(), &line, None).await.is_ok());
}

#[tokio::test]
async fn debug_shows_no_content() {
    let passport = passport(1).await;
    let shown = format!("{:?}", packed(&passport, &Tiers::auto()).await);
    assert_eq!(shown.find(&passport.tips().to_string()), None);
    assert_eq!(shown.find("eyJ"), None);
}

#[test]
fn tiers_are_the_same_only_with_the_same_store() {
    let store: Arc<dyn PassportStore> = claims();
    let with_store = Tiers::auto().store(Arc::clone(&store));
    assert!(with_store.same_as(&Tiers::default().store(store)));
    assert!(!with_store.same_as(&Tiers::auto().store(claims())));
    assert!(!with_store.same_as(&Tiers::auto()));
    assert!(!Tiers::auto().same_as(&Tiers::auto().threshold(1)));
    assert!(!Tiers::auto().same_as(&Tiers::compressed_always()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_lineage_through_any_tier_is_the_same_lineage(
        entries in 1_usize..12,
        threshold in 0_usize..9000,
        always in any::<bool>(),
        taint in "[^\\p{Cc}]{1,40}",
        user in "\\PC{0,80}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let store = claims();
            let tiers = if always { Tiers::compressed_always() } else { Tiers::auto() };
            let tiers = tiers.threshold(threshold).store(Arc::<InMemoryPassports>::clone(&store));
            let last = lineage(&kest(), entries).await;
            let policy = kest_core::policy::dangerous_allow_all();
            let named = operation(&taint).taint(taint.clone()).origin(Origin::internet());
            let last = last.operation(named).admit(&policy).await.unwrap();
            let identity = Identity::default().with_user(user);
            let line = line(&packed_for(last.passport(), &identity, &tiers).await.unwrap());
            let (again, _tier) = received(&strict(), &line, Some(store.as_ref())).await.unwrap();
            assert_eq!(again.to_json(), last.passport().to_json());
            assert_eq!(again.tips(), last.passport().tips());
        });
    }
}
