//! What a request gets when one store or both do not help: a stated refusal in bounded time, and never less.

use std::sync::Arc;
use std::time::Duration;

use kest_baggage::{Fallback, InMemoryPassports, PassportStore, PassportStores, Tiers, run_admitted};
use kest_core::Limits;
use kest_reqwest::{CarryError, CarryPassport, Destination, WithoutLineage};
use kest_testkit::FailingPassports;
use kest_tests::keys;
use kest_tests::service::{Service, Setup};
use kest_tests::stores::sealing;

use super::{Shared, packed, with};
use crate::outbound::Recorder;

fn two(first: FailingPassports, second: Arc<dyn PassportStore>) -> PassportStores {
    PassportStores::sealed(Arc::new(first), sealing("2026-01", "shop")).fallback(Fallback::Second(second))
}

/// A service that waits for each question for 50 ms.
async fn hasty(claims: PassportStores) -> Service {
    let mut limits = Limits::default();
    limits.passport_store_wait = Duration::from_millis(50);
    Setup { limits, inbound: Box::new(|inbound| inbound.passport_store(claims)), ..Setup::default() }
        .start()
        .await
}

#[tokio::test]
async fn claim_that_may_lie_in_a_store_that_is_away_or_slow_answers_503_and_not_401() {
    let shared = Shared::new();
    let (line, _claim) = packed(&keys::chain(3).await, &shared.claims(sealing("2026-01", "shop"))).await;
    let empty = || -> Arc<dyn PassportStore> { Shared::new().0 };
    for (first, second, status) in [
        (FailingPassports::away(), empty(), 503),
        (FailingPassports::slow(), empty(), 503),
        (FailingPassports::slow(), Arc::new(FailingPassports::slow()), 503),
        (FailingPassports::full(), Arc::new(FailingPassports::away()), 503),
        (FailingPassports::full(), empty(), 401),
    ] {
        hasty(two(first, second)).await.refused(&with(&line), &[status]).await;
    }
    for first in [FailingPassports::away(), FailingPassports::slow(), FailingPassports::full()] {
        let service = hasty(two(first, Arc::<InMemoryPassports>::clone(&shared.0))).await;
        assert_eq!(service.admitted(&with(&line)).await["entries"], 4);
    }
}

#[tokio::test]
async fn request_that_no_store_takes_is_not_sent_and_says_whether_a_retry_may_help() {
    let next = Recorder::start().await;
    for (claims, may_retry) in [
        (PassportStores::from(Arc::new(FailingPassports::full())), false),
        (PassportStores::from(Arc::new(FailingPassports::away())), true),
        (two(FailingPassports::full(), Arc::new(FailingPassports::full())), false),
        (two(FailingPassports::away(), Arc::new(FailingPassports::full())), true),
        (two(FailingPassports::full(), Arc::new(FailingPassports::away())), true),
    ] {
        let client = CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
            .without_lineage(WithoutLineage::Refuse)
            .tiers(Tiers::auto().store(claims))
            .client(reqwest::Client::builder())
            .unwrap();
        let url = next.url("/");
        let error = run_admitted(keys::chain(60).await, async |_| client.get(url).send().await.unwrap_err());
        let reqwest_middleware::Error::Middleware(cause) = error.await else { panic!("it was sent") };
        let error: &CarryError = cause.downcast_ref().unwrap();
        assert!(matches!(error, CarryError::Pack(_)));
        assert_eq!(error.may_retry(), may_retry);
    }
    assert_eq!(next.requests().len(), 0);
}
