//! Proofs that a header which is not what was packed is noticed before it leaves.

use kest_core::Limits;

use super::*;
use crate::rig::{kest, lineage};
use crate::{Tiers, packed_once};

async fn packed(entries: usize) -> PackedHeader {
    packed_once(&lineage(&kest(), entries).await, &Tiers::auto()).await.unwrap()
}

fn carrying(header: &PackedHeader) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(BAGGAGE, HeaderValue::from_static("a=1;x,b=%2C"));
    header.inject(&mut headers, &Limits::default()).unwrap();
    headers
}

fn line_of(headers: &HeaderMap) -> String {
    headers["baggage"].to_str().unwrap().to_owned()
}

#[track_caller]
fn check_noticed(header: &PackedHeader, change: impl FnOnce(&mut HeaderMap)) {
    let mut headers = carrying(header);
    header.check(&headers, &Limits::default()).unwrap();
    change(&mut headers);
    assert!(header.check(&headers, &Limits::default()).is_err(), "{headers:?}");
}

#[tokio::test]
async fn passport_that_was_overwritten_exchanged_or_doubled_is_noticed() {
    for entries in [1, 3] {
        let (ours, other) = (packed(entries).await, packed(entries).await);
        let other = line_of(&carrying(&other));
        check_noticed(&ours, |headers| drop(headers.remove(BAGGAGE)));
        check_noticed(&ours, |headers| {
            headers.insert(BAGGAGE, HeaderValue::from_static("sentry-trace_id=1"));
        });
        check_noticed(&ours, |headers| {
            headers.insert(BAGGAGE, other.parse().unwrap());
        });
        check_noticed(&ours, |headers| {
            headers.append(BAGGAGE, other.parse().unwrap());
        });
        for added in ["kest.user=admin", "kest.other=1", "kest.claim_check=x", "kest.passport=[]"] {
            check_noticed(&ours, |headers| {
                headers.append(BAGGAGE, HeaderValue::from_static(added));
            });
        }
    }
}

/// Attack: the first call of an operation leaves as it was packed; the header of a later one is exchanged.
#[tokio::test]
async fn header_without_members_of_others_is_compared_every_time() {
    let (ours, other) = (packed(2).await, packed(2).await);
    let limits = Limits::default();
    let mut alone = HeaderMap::new();
    ours.inject(&mut alone, &limits).unwrap();
    ours.check(&alone, &limits).unwrap();
    ours.clone().check(&alone, &limits).unwrap();
    let mut exchanged = HeaderMap::new();
    other.inject(&mut exchanged, &limits).unwrap();
    assert!(ours.check(&exchanged, &limits).is_err());
    let mut doubled = alone.clone();
    doubled.append(BAGGAGE, exchanged[BAGGAGE].clone());
    assert!(ours.check(&doubled, &limits).is_err());
    let mut longer = alone[BAGGAGE].as_bytes().to_vec();
    longer.extend_from_slice(b",kest.other=1");
    alone.insert(BAGGAGE, HeaderValue::from_bytes(&longer).unwrap());
    assert!(ours.check(&alone, &limits).is_err());
    assert!(ours.check(&HeaderMap::new(), &limits).is_err());
}

#[tokio::test]
async fn tips_that_are_missing_or_others_are_noticed() {
    let (ours, other) = (packed(2).await, packed(2).await);
    let tip_of = |line: &str| line.split(',').find(|it| it.starts_with("kest.chain_tip")).unwrap().to_owned();
    let line = line_of(&carrying(&ours));
    let (tip, foreign) = (tip_of(&line), tip_of(&line_of(&carrying(&other))));
    check_noticed(&ours, |headers| {
        headers.insert(BAGGAGE, line.replace(&tip, &foreign).parse().unwrap());
    });
    check_noticed(&ours, |headers| {
        headers.insert(BAGGAGE, line.replace(&format!(",{tip}"), "").parse().unwrap());
    });
}

#[tokio::test]
async fn members_of_others_may_change_and_courtesies_may_be_left_out() {
    let ours = packed(2).await;
    let mut headers = carrying(&ours);
    headers.append(BAGGAGE, HeaderValue::from_static("sentry-trace_id=1"));
    ours.check(&headers, &Limits::default()).unwrap();
    let essential: Vec<&str> = std::str::from_utf8(ours.text()).unwrap().split(",kest.user").collect();
    headers.insert(BAGGAGE, essential[0].parse().unwrap());
    ours.check(&headers, &Limits::default()).unwrap();
}

#[tokio::test]
async fn bounds_on_what_comes_in_do_not_bound_what_leaves() {
    let ours = packed(2).await;
    let mut limits = Limits::default();
    (limits.header_bytes, limits.members, limits.own_members) = (16, 1, 1);
    ours.check(&carrying(&ours), &limits).unwrap();
}
