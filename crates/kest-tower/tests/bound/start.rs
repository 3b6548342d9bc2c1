//! What is said wrongly about hop proofs is found when the service starts.

use std::time::Duration;

use kest_identity::IdentityChoice;
use kest_testkit::TestKest;
use kest_tower::{HopProof, HopSettingsError, InboundBuildError};

fn build(proof: HopProof) -> Result<(), HopSettingsError> {
    let kit = TestKest::new(["gateway"]);
    let builder = kit.inbound().identity(IdentityChoice::from_lineage()).hop_proof(proof);
    match builder.try_build() {
        Ok(_layer) => Ok(()),
        Err(InboundBuildError::HopProof(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn service_that_does_not_know_its_name_does_not_start() {
    assert_eq!(build(HopProof::for_authorities::<String>([])), Err(HopSettingsError::NoAuthority));
    for wrong in ["", "https://stock.example", "stock.example/items", "user@stock.example", "*"] {
        let expected = Err(HopSettingsError::Authority(wrong.to_owned()));
        assert_eq!(build(HopProof::for_authority("stock.example").authority(wrong)), expected, "{wrong}");
    }
    assert_eq!(build(HopProof::for_authority("stock.example:8443").authority("[::1]:80")), Ok(()));
}

#[test]
fn window_that_would_let_a_stolen_proof_live_long_does_not_start() {
    let proof = || HopProof::for_authority("stock.example");
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(build(proof().max_age(day)), Err(HopSettingsError::MaxAge(day)));
    assert_eq!(build(proof().max_age(Duration::ZERO)), Err(HopSettingsError::MaxAge(Duration::ZERO)));
    assert_eq!(build(proof().skew(day)), Err(HopSettingsError::Skew(day)));
    assert_eq!(build(proof().max_age(Duration::from_secs(30)).skew(Duration::ZERO)), Ok(()));
}

/// A store that takes nothing which is to be remembered for longer.
#[derive(Debug)]
struct Takes(Option<Duration>);

#[async_trait::async_trait]
impl kest_core::ReplayStore for Takes {
    async fn insert(
        &self,
        _id: kest_core::replay::ReplayId,
        _expires_at: std::time::SystemTime,
    ) -> Result<kest_core::replay::Novelty, kest_core::replay::ReplayStoreError> {
        Ok(kest_core::replay::Novelty::Seen)
    }

    fn longest_life(&self) -> Option<Duration> {
        self.0
    }
}

#[test]
fn store_that_would_refuse_good_proofs_does_not_start() {
    let seconds = Duration::from_secs;
    let with = |life: Option<u64>, max_age, skew| {
        let store = std::sync::Arc::new(Takes(life.map(seconds)));
        let proof = HopProof::for_authority("stock.example").replays(store);
        build(proof.max_age(seconds(max_age)).skew(seconds(skew)))
    };
    let short = |remembers, needed| {
        Err(HopSettingsError::ReplaysTooShort { remembers: seconds(remembers), needed: seconds(needed) })
    };
    assert_eq!(with(Some(15), 10, 2), short(15, 17));
    assert_eq!(with(Some(17), 10, 2), Ok(()));
    assert_eq!(with(Some(75), 60, 5), short(75, 76));
    assert_eq!(with(None, 300, 60), Ok(()));
    assert_eq!(kest_core::Limits::default().longest_signature_life(), seconds(17));
}
