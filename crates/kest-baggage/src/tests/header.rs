//! Attacks on and proofs of reading the header.

use proptest::prelude::*;

use super::*;
use crate::member::push_member;
use crate::tier::Tier;

const TIP: &str = "98bd539a99aece94e25c78b4ded8f26d256dd2f27857faed768e3bcbe5d1f8b4";
const CLAIM: &str = "a6513107-f5af-429c-b91b-5594dd9cfcbe";

fn legacy() -> HeaderReader {
    HeaderReader::default().dialect(Dialect::LegacyPython)
}

fn read(reader: &HeaderReader, lines: &[&str]) -> Result<Option<Tier>, &'static str> {
    reader
        .read(lines.iter().map(|line| line.as_bytes()))
        .map(|packed| packed.tier())
        .map_err(|error| error.kind())
}

#[track_caller]
fn check_refused(header: &str, kind: &str) {
    assert_eq!(read(&HeaderReader::default(), &[header]), Err(kind), "{header}");
}

#[track_caller]
fn check_tier(reader: &HeaderReader, header: &str, tier: Option<Tier>) {
    assert_eq!(read(reader, &[header]), Ok(tier), "{header}");
}

fn inline_text(reader: &HeaderReader, header: &str) -> String {
    let (mut candidates, _tips) = reader.read([header.as_bytes()]).unwrap().into_parts();
    match candidates.swap_remove(0) {
        Candidate::Inline(text) => text,
        Candidate::Compressed(_) | Candidate::ClaimCheck(_) => panic!("not inline"),
    }
}

#[test]
fn every_tier_is_read() {
    let reader = HeaderReader::default();
    check_tier(&reader, "", None);
    check_tier(&reader, ",,,", None);
    check_tier(&reader, "region=eu,broken,=x", None);
    check_tier(&reader, "kest.passport=[],kest.chain_tip=0", Some(Tier::Inline));
    check_tier(&reader, &format!("kest.chain_tip={TIP},kest.passport_z=abc"), Some(Tier::Compressed));
    check_tier(&reader, &format!("kest.claim_check={CLAIM},kest.chain_tip={TIP}"), Some(Tier::ClaimCheck));
}

#[test]
fn blanks_and_properties_around_members_are_ignored() {
    let header = format!(" kest.passport_z \t= ab== ; p=1;q , kest.chain_tip={TIP};x");
    check_tier(&HeaderReader::default(), &header, Some(Tier::Compressed));
}

#[test]
fn second_line_is_read_too() {
    let reader = HeaderReader::default();
    let lines = ["region=eu", "kest.passport=[]", "", "kest.chain_tip=0"];
    assert_eq!(read(&reader, &lines), Ok(Some(Tier::Inline)));
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("baggage", line.parse().unwrap());
    }
    assert_eq!(reader.read_headers(&headers).unwrap().tier(), Some(Tier::Inline));
    assert_eq!(reader.read_headers(&HeaderMap::new()).unwrap().tier(), None);
}

#[test]
fn several_tips_come_escaped() {
    let other = "f".repeat(64);
    check_tier(
        &HeaderReader::default(),
        &format!("kest.passport_z=abc,kest.chain_tip={TIP}%2C{other}"),
        Some(Tier::Compressed),
    );
    check_refused(&format!("kest.passport_z=abc,kest.chain_tip={TIP}%2C{TIP}"), "chain_tip_malformed");
}

#[test]
fn tip_and_passport_come_together() {
    check_refused(&format!("kest.chain_tip={TIP}"), "chain_tip_without_passport");
    check_refused("kest.passport=[]", "passport_without_chain_tip");
    let told = HeaderReader::default().dangerous_accept_missing_tip();
    check_tier(&told, "kest.passport=[]", Some(Tier::Inline));
    assert_eq!(read(&told, &["kest.chain_tip=0"]), Err("chain_tip_without_passport"));
}

#[test]
fn two_tiers_at_once_are_refused() {
    let header = format!("kest.passport=[],kest.claim_check={CLAIM},kest.chain_tip={TIP}");
    check_refused(&header, "passport_several_tiers");
    check_tier(&legacy(), &header, Some(Tier::Inline));
    let without_tip = format!("kest.passport=[],kest.claim_check={CLAIM}");
    assert_eq!(
        read(&legacy().dangerous_accept_missing_tip(), &[&without_tip]),
        Err("passport_several_tiers")
    );
}

#[test]
fn repeated_member_is_refused_whatever_it_is_called() {
    for name in ["kest.chain_tip", "kest.passport", "kest.user", "kest.jwt", "kest.new"] {
        let header = format!("{name}=0, {name} =0");
        check_refused(&header, "baggage_repeated_member");
        assert_eq!(read(&legacy(), &[&header]), Err("baggage_repeated_member"));
    }
    check_tier(&HeaderReader::default(), "region=eu,region=us", None);
}

#[test]
fn unsigned_identity_and_unknown_members_are_ignored() {
    let header = "kest.user=admin,kest.agent=%ff,kest.task=%,kest.jwt=a.b.c,kest.new=\"x\"";
    check_tier(&HeaderReader::default(), header, None);
    check_tier(&legacy(), header, None);
}

#[test]
fn another_spelling_of_ours_is_refused_in_both_dialects() {
    for member in [
        "Kest.passport=[]",
        "KEST.CHAIN_TIP=0",
        "kest%2Euser=admin",
        "%6Best.user=admin",
        "kest%252Euser=admin",
        "+kest.user=admin",
        "%EF%BB%BFkest.user=admin",
        "kest.us%65r=admin",
        "kest%2Euser",
        "KEST.user;p=1",
        "kest.user%3Dadmin",
    ] {
        let header = format!("region=eu,{member},kest.passport=[],kest.chain_tip=0");
        check_refused(&header, "baggage_misspelt_member");
        assert_eq!(read(&legacy(), &[&header]), Err("baggage_misspelt_member"), "{member}");
    }
}

#[test]
fn members_of_others_are_opaque() {
    let others: &[&[u8]] = &[
        "user=J\u{f6}rg,caf\u{e9}=\u{2603},\u{8ba2}\u{5355}=1".as_bytes(),
        b"name=J\xf6rg,caf\xe9",
        b"a=%,b=%zz,c=%ff,d=%00,%=1,%ff%fe=2",
        b"=,=x, ;p,\"q\"=\"a b\",x=[1",
    ];
    let many = (0..181).map(|number| format!("v{number}=1")).collect::<Vec<_>>().join(",");
    for other in others.iter().copied().chain([many.as_bytes()]) {
        let reader = HeaderReader::default();
        assert_eq!(reader.read([other]).unwrap().tier(), None);
        let ours = [other, b"kest.passport=[],kest.chain_tip=0", other];
        assert_eq!(reader.read(ours).unwrap().tier(), Some(Tier::Inline));
        assert_eq!(legacy().read(ours).unwrap().tier(), Some(Tier::Inline));
    }
}

#[test]
fn ours_stay_strict_beside_opaque_members() {
    for ours in [&b"kest.user=J\xf6rg"[..], "kest.user=J\u{f6}rg".as_bytes(), b"kest.user=x;p=\xff"] {
        let refused = HeaderReader::default().read([b"name=J\xf6rg", ours]);
        assert_eq!(refused.unwrap_err().kind(), "baggage_character");
    }
    let many = (0..65).map(|number| format!("kest.v{number}=1")).collect::<Vec<_>>().join(",");
    check_refused(&many, "baggage_too_many_members");
}

#[test]
fn member_without_a_value_is_refused_or_in_legacy_dialect_ignored() {
    for header in
        ["kest.passport,kest.chain_tip", "kest.user", "kest.passport;p=[]", "kest.pass port=[]", "kest.@=1"]
    {
        check_refused(header, "baggage_malformed");
        check_tier(&legacy(), header, None);
    }
}

#[test]
fn unescaped_value_is_refused() {
    for value in ["[\"a\"]", "a b", "a\\b"] {
        check_refused(&format!("kest.passport={value},kest.chain_tip=0"), "baggage_malformed");
    }
}

#[test]
fn broken_escape_is_refused_in_both_dialects() {
    for value in ["%5", "%zz", "%ff", "[%0a]", "%"] {
        let header = format!("kest.passport={value},kest.chain_tip=0");
        check_refused(&header, "baggage_escape");
        assert_eq!(read(&legacy(), &[&header]), Err("baggage_escape"));
    }
}

#[test]
fn bytes_that_no_header_has_are_refused() {
    for byte in (0..=8).chain(10..=31).chain([127_u8]) {
        let refused = HeaderReader::default().read([&[b'a', b'=', byte][..]]);
        assert_eq!(refused.unwrap_err().kind(), "baggage_character", "{byte}");
    }
}

#[test]
fn malformed_tip_and_claim_are_refused() {
    for tip in ["", "1", &TIP.to_uppercase(), TIP.get(1..).unwrap(), "0%2C0"] {
        check_refused(&format!("kest.passport=[],kest.chain_tip={tip}"), "chain_tip_malformed");
    }
    for claim in ["", "../../secret", &CLAIM.to_uppercase()] {
        check_refused(&format!("kest.claim_check={claim},kest.chain_tip=0"), "claim_check_malformed");
    }
}

#[test]
fn bounds_are_kept_and_told_apart_from_form() {
    let limits = Limits::default();
    let reader = HeaderReader::default();
    let over = |lines: &[&[u8]]| {
        let error = reader.read(lines.iter().copied()).unwrap_err();
        assert!(error.is_over_limit());
        error.kind()
    };
    let full = format!("a={}", "x".repeat(limits.header_bytes - 2));
    check_tier(&reader, &full, None);
    assert_eq!(over(&[full.as_bytes(), b""]), "baggage_too_long");
    assert_eq!(over(&[&vec![0xff; limits.header_bytes + 1]]), "baggage_too_long");
    let fit = vec!["a=1"; limits.members - 1];
    check_tier(&reader, &fit.join(","), None);
    assert_eq!(over(&[vec!["a=1"; 10_000].join(",").as_bytes()]), "baggage_too_long");
    assert_eq!(over(&[vec!["a="; 10_000].join(",").as_bytes()]), "baggage_too_many_members");
    assert_eq!(over(&[&vec![b','; 10_000]]), "baggage_too_many_members");
    assert!(!reader.read([&b"kest.passport"[..]]).unwrap_err().is_over_limit());
}

#[test]
fn last_member_within_a_bound_is_read_and_the_next_one_is_not() {
    let mut limits = Limits::default();
    (limits.members, limits.own_members) = (3, 2);
    let reader = HeaderReader::new(limits);
    let members = |header: &str| match reader.read([header.as_bytes()]) {
        Ok(_) => None,
        Err(ReadError::TooManyMembers(members)) => Some(members),
        Err(other) => panic!("{other}"),
    };
    assert_eq!((members("a=1,b=1,c=1"), members("a=1,b=1,c=1,d=1")), (None, Some(4)));
    assert_eq!((members("kest.a=1,kest.b=1"), members("kest.a=1,kest.b=1,kest.c=1")), (None, Some(3)));
}

#[test]
fn raw_array_ends_at_its_bracket_and_not_at_a_comma_before_it() {
    let header = format!(r#"kest.passport=["a.b.c",],region=eu,kest.chain_tip={TIP}"#);
    assert_eq!(inline_text(&legacy(), &header), r#"["a.b.c",]"#);
}

#[test]
fn raw_array_is_read_by_the_legacy_dialect_only() {
    let header = format!(r#"kest.user=Ann Bee,kest.passport = ["a.b.c", "d.e.f"] ;p,kest.chain_tip={TIP}"#);
    assert_eq!(inline_text(&legacy(), &header), r#"["a.b.c", "d.e.f"]"#);
    check_refused(&header, "baggage_malformed");
}

#[test]
fn quote_plus_blank_is_read_by_the_legacy_dialect_only() {
    let header = format!("kest.passport=%5B%22a%22%2C+%22b%22%5D,kest.chain_tip={TIP}");
    assert_eq!(inline_text(&legacy(), &header), r#"["a", "b"]"#);
    assert_eq!(inline_text(&HeaderReader::default(), &header), r#"["a",+"b"]"#);
}

#[test]
fn debug_shows_no_content() {
    let header = format!("kest.passport=secret,kest.chain_tip={TIP}");
    let packed = HeaderReader::default().read([header.as_bytes()]).unwrap();
    let shown = format!("{packed:?}");
    assert!(!shown.contains("secret") && !shown.contains(TIP), "{shown}");
}

proptest! {
    #[test]
    fn reader_never_panics(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4)) {
        for reader in [HeaderReader::default(), legacy()] {
            let _outcome = reader.read(lines.iter().map(Vec::as_slice)).is_ok();
        }
    }

    #[test]
    fn member_soup_never_panics(header in "[kest.pasorchin_tp=,;%\\[\\]0-9 \"+]{0,120}") {
        for reader in [HeaderReader::default(), legacy()] {
            let _outcome = reader.read([header.as_bytes()]).is_ok();
        }
    }

    #[test]
    fn every_text_without_control_characters_survives_the_header(text in "[^\\p{Cc}]{0,64}") {
        let mut header = String::new();
        push_member(&mut header, member::PASSPORT, &text);
        push_member(&mut header, member::CHAIN_TIP, "0");
        prop_assert_eq!(inline_text(&HeaderReader::default(), &header), text.clone());
        // A plus sign stands for a blank there, and an array ends at its first bracket.
        if !text.contains(['+', '[']) {
            prop_assert_eq!(inline_text(&legacy(), &header), text);
        }
    }
}
