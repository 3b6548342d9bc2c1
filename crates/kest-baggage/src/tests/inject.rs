//! Proofs that merging leaves other members alone.

use kest_core::{Identity, OsRandom, Passport};
use proptest::prelude::*;

use super::*;
use crate::rig::passport;
use crate::{HeaderReader, Tiers, pack};

fn headers(lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append("accept", HeaderValue::from_static("*/*"));
    for line in lines {
        headers.append(BAGGAGE, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

fn only_line(headers: &HeaderMap) -> &[u8] {
    let mut lines = headers.get_all(BAGGAGE).iter();
    let line = lines.next().map(HeaderValue::as_bytes).unwrap_or_default();
    assert!(lines.next().is_none());
    line
}

async fn carrying(passport: &Passport) -> PackedHeader {
    let identity = Identity::default().with_user("ann").with_agent("shop").with_task("buy");
    pack(passport, &identity, &Tiers::compressed_always(), &OsRandom, &Limits::default()).await.unwrap()
}

async fn carrying_one() -> PackedHeader {
    carrying(&passport(1).await).await
}

fn members(line: &[u8]) -> Vec<String> {
    Members::of(line, Arrays::Encoded)
        .map(|member| String::from_utf8_lossy(member.key).into_owned())
        .collect()
}

#[tokio::test]
async fn all_lines_become_one_and_foreign_members_stay_as_they_are() {
    let mut headers = headers(&[b"a=%zz;p=\"1\" , b", b"", b" c = 1==\xff"]);
    carrying_one().await.inject(&mut headers, &Limits::default()).unwrap();
    let line = only_line(&headers);
    assert!(line.starts_with(b"a=%zz;p=\"1\",b,c = 1==\xff,kest.passport_z="));
    assert_eq!(
        members(line)[3..],
        ["kest.passport_z", "kest.chain_tip", "kest.user", "kest.agent", "kest.task"]
    );
    assert_eq!(headers.len(), 2);
}

#[tokio::test]
async fn kest_members_that_stand_there_already_go() {
    let stale: &[&[u8]] = &[
        b"kest.passport=[\"a.b.c\", \"d.e.f\"],region=eu,kest.user=admin;p=1",
        b"kest.jwt=a.b.c , kest.new, kest.chain_tip=0,Kest.mine=1",
        b"%6best.user=admin,kest%252Euser=admin,+kest.user=admin,KEST.passport=[\"a.b.c\", \"d.e.f\"]",
        b"kest.passport=[\"never closed\", x=1",
    ];
    let mut with_passport = headers(stale);
    carrying_one().await.inject(&mut with_passport, &Limits::default()).unwrap();
    assert!(only_line(&with_passport).starts_with(b"region=eu,kest.passport_z="));

    let mut without = headers(stale);
    let nothing = carrying(&Passport::empty()).await;
    nothing.inject(&mut without, &Limits::default()).unwrap();
    assert_eq!(only_line(&without), b"region=eu");
}

#[tokio::test]
async fn line_that_holds_nothing_else_goes_with_an_empty_passport() {
    let mut headers = headers(&[b"kest.user=admin", b" , "]);
    let nothing = carrying(&Passport::empty()).await;
    nothing.inject(&mut headers, &Limits::default()).unwrap();
    assert!(!headers.contains_key(BAGGAGE));
}

#[tokio::test]
async fn injecting_twice_changes_nothing() {
    let header = carrying_one().await;
    let mut headers = headers(&[b"region=eu"]);
    header.inject(&mut headers, &Limits::default()).unwrap();
    let once = only_line(&headers).to_vec();
    header.inject(&mut headers, &Limits::default()).unwrap();
    assert_eq!(only_line(&headers), once);
}

#[tokio::test]
async fn identity_gives_way_before_the_passport_does() {
    let header = carrying_one().await;
    let limits = Limits::default();
    let whole = "baggage: \r\n".len() + header.bytes() + 1;
    for (missing, kept) in [(0, 5), (1, 4), (14, 4), (15, 3), (31, 2)] {
        let foreign = "f".repeat(limits.outgoing_header_bytes - whole + missing);
        let mut headers = headers(&[foreign.as_bytes()]);
        header.inject(&mut headers, &limits).unwrap();
        let line = only_line(&headers);
        assert!("baggage: \r\n".len() + line.len() <= limits.outgoing_header_bytes);
        assert_eq!(members(line).len(), kept + 1, "{missing}");
        assert!(line.starts_with(foreign.as_bytes()));
    }
}

#[tokio::test]
async fn passport_that_does_not_fit_beside_foreign_members_changes_nothing() {
    let header = carrying_one().await;
    let limits = Limits::default();
    let long = "f".repeat(limits.outgoing_header_bytes - 100);
    let many = vec!["f=1"; limits.outgoing_members - 1].join(",");
    for (foreign, error) in [
        (long.as_bytes(), "outgoing baggage line would be"),
        (many.as_bytes(), "outgoing baggage would have too many members: 65"),
    ] {
        let mut headers = headers(&[b"kest.user=x", foreign]);
        let before = headers.clone();
        let refused = header.inject(&mut headers, &limits).unwrap_err();
        assert!(refused.to_string().starts_with(error));
        assert_eq!(headers, before);
    }
}

#[tokio::test]
async fn member_limit_leaves_out_identity_first() {
    let header = carrying_one().await;
    let limits = Limits::default();
    let mut headers = headers(&[vec!["f=1"; limits.outgoing_members - 3].join(",").as_bytes()]);
    header.inject(&mut headers, &limits).unwrap();
    let names = members(only_line(&headers));
    assert_eq!(names.len(), limits.outgoing_members);
    assert_eq!(names.last().unwrap(), "kest.user");
}

#[tokio::test]
async fn nothing_of_ours_means_no_limit_for_others() {
    let mut headers = headers(&[&[b'f'; 9000][..]]);
    let nothing = carrying(&Passport::empty()).await;
    nothing.inject(&mut headers, &Limits::default()).unwrap();
    assert_eq!(only_line(&headers).len(), 9000);
}

#[tokio::test]
async fn value_is_kept_out_of_debug_prints() {
    let mut headers = HeaderMap::new();
    carrying_one().await.inject(&mut headers, &Limits::default()).unwrap();
    assert!(!format!("{headers:?}").contains("kest"));
}

proptest! {
    #[test]
    fn foreign_members_survive_byte_for_byte(
        members in prop::collection::vec("[a-jl-z][a-z]{0,5}( ?=[ -+\\--~]{0,12}[!-+\\--~])?", 0..8),
        lines in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let header = runtime.block_on(carrying_one());
        let chunk = members.len().div_ceil(lines).max(1);
        let joined: Vec<String> = members.chunks(chunk).map(|some| some.join(" ,\t")).collect();
        let lines: Vec<&[u8]> = joined.iter().map(String::as_bytes).collect();
        let mut headers = headers(&lines);
        header.inject(&mut headers, &Limits::default()).unwrap();
        let line = only_line(&headers);
        let expected = members.join(",");
        prop_assert!(line.starts_with(expected.as_bytes()));
        let read = HeaderReader::default().read([line]);
        prop_assert!(read.unwrap().tier().is_some());
    }
}
