//! Proofs of the age that a passport may have, to the millisecond.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::forge::{Forge, SIGNED, passport};
use crate::Limits;
use crate::clock::TestClock;
use crate::passport::{Freshness, NotFresh, Passport};

/// A clock that stands at this millisecond.
fn at(millis: u64) -> TestClock {
    TestClock::at(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

const HOUR: u64 = 3_600_000;

fn skew() -> u64 {
    u64::try_from(Limits::default().clock_skew.as_millis()).unwrap()
}

fn check(passport: &Passport, now: u64) -> Result<(), NotFresh> {
    Freshness::Within(Duration::from_millis(HOUR)).check(passport, &at(now), &Limits::default())
}

/// One root and two branches, signed at these times.
fn forked(root: u64, one: u64, other: u64) -> Passport {
    let root = Forge::entry("gateway", 1, &[]).with("timestamp_ms", json!(root)).sign();
    let one = Forge::entry("orders", 2, &[&root]).with("timestamp_ms", json!(one)).sign();
    let other = Forge::entry("ledger", 3, &[&root]).with("timestamp_ms", json!(other)).sign();
    passport(&[&root, &one, &other], &[&one, &other])
}

#[test]
fn passport_that_was_kept_is_refused_after_the_last_millisecond() {
    let kept = forked(0, SIGNED, SIGNED);
    assert_eq!(check(&kept, SIGNED + HOUR + skew()), Ok(()));
    assert_eq!(check(&kept, SIGNED + HOUR + skew() + 1), Err(NotFresh::TooOld));
    assert_eq!(check(&forked(0, SIGNED + 1, SIGNED), SIGNED + HOUR + skew() + 1), Err(NotFresh::TooOld));
    assert_eq!(Freshness::AnyAge.check(&kept, &at(u64::MAX), &Limits::default()), Ok(()));
}

#[test]
fn passport_from_the_future_is_refused_after_the_last_millisecond_wherever_it_says_so() {
    let now = SIGNED - skew();
    assert_eq!(check(&forked(SIGNED, SIGNED, SIGNED), now), Ok(()));
    for times in [[SIGNED + 1, 0, 0], [0, SIGNED + 1, SIGNED], [0, SIGNED, SIGNED + 1]] {
        assert_eq!(check(&forked(times[0], times[1], times[2]), now), Err(NotFresh::FromTheFuture));
    }
    assert_eq!(Freshness::AnyAge.check(&forked(SIGNED, SIGNED, SIGNED), &at(0), &Limits::default()), Ok(()));
}

#[test]
fn oldest_tip_gives_the_age() {
    let age = |passport: &Passport| passport.tip_age(SIGNED).map(|age| age.as_millis());
    assert_eq!(age(&forked(0, SIGNED - 5, SIGNED - 7)), Some(7));
    assert_eq!(age(&forked(0, SIGNED + 5, SIGNED + 7)), Some(0));
    assert_eq!(age(&Passport::empty()), None);
    assert_eq!(check(&Passport::empty(), SIGNED), Ok(()));
}

#[test]
fn reasons_have_stable_names() {
    assert_eq!((NotFresh::TooOld.kind(), NotFresh::FromTheFuture.kind()), ("too_old", "from_the_future"));
}
