//! Attacks on the form of a sealed claim, with and without its key.

use kest_core::OsRandom;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::seals::{audience, key, sealing};

const CLAIM: &str = "a6513107-f5af-429c-b91b-5594dd9cfcbe";
const OTHER_CLAIM: &str = "a6513107-f5af-429c-b91b-5594dd9cfcbf";
const NOW: u64 = 1_700_000_000;

fn claim() -> ClaimCheck {
    ClaimCheck::parse(CLAIM).unwrap()
}

fn tips(digit: &str) -> Tips {
    Tips::parse(&digit.repeat(64), &Limits::default()).unwrap()
}

fn shop() -> Sealing {
    sealing("k1", "shop")
}

/// A claim that holds.
fn sealed(passport: &[u8]) -> String {
    seal(passport.to_vec(), (&claim(), &tips("a")), NOW + 1, &shop(), &OsRandom).unwrap()
}

fn opened(text: impl AsRef<[u8]>) -> Result<Vec<u8>, &'static str> {
    let (claim, tips) = (claim(), tips("a"));
    let opened = open(text.as_ref(), (&claim, Some(&tips)), NOW * 1000, &shop(), &Limits::default());
    opened.map(|opened| opened.passport).map_err(|error| error.kind())
}

/// The header of a claim that holds, changed by `change`.
fn header(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut header = json!({
        "alg": "A256KW", "enc": "A256GCM", "typ": "kest-claim+jwe", "kid": "k1", "aud": ["shop"], "exp": NOW + 1,
        "kest.claim": CLAIM, "kest.chain_tip": "a".repeat(64), "crit": ["kest.claim", "kest.chain_tip"],
    });
    change(&mut header);
    serde_json::to_vec(&header).unwrap()
}

/// What someone with the key would make of any header.
fn resealed(header: &[u8]) -> Result<Vec<u8>, &'static str> {
    opened(encrypt(header, b"[]".to_vec(), &key("k1"), &OsRandom).unwrap())
}

/// What someone without the key can make of it: another header over the same parts.
fn grafted(header: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = sealed(b"[]");
    let rest = text.split_once('.').unwrap().1;
    opened(format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header)))
}

#[test]
fn header_is_the_one_of_the_wire_page() {
    let once = sealing("k1", "shop").write_for(["stock", "ledger"].map(audience)).unwrap().single_use();
    let text = seal(b"[]".to_vec(), (&claim(), &tips("a")), NOW, &once, &OsRandom).unwrap();
    let written = URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap();
    assert_eq!(resealed(&header(|_| ())), Ok(b"[]".to_vec()), "any order of members is read");
    let expected = format!(
        concat!(
            r#"{{"alg":"A256KW","aud":["stock","ledger"],"crit":["kest.chain_tip","kest.claim","kest.use"],"#,
            r#""enc":"A256GCM","exp":{},"kest.chain_tip":"{}","kest.claim":"{}","kest.use":"once","#,
            r#""kid":"k1","typ":"kest-claim+jwe"}}"#
        ),
        NOW,
        "a".repeat(64),
        CLAIM
    );
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}

type Changes<'them> = &'them [(&'them str, fn(&mut Value))];

/// Every one of these must be refused as `kind`, whether its maker has the key or not.
#[track_caller]
fn check_changes(kind: &str, changes: Changes<'_>) {
    let before_the_seal = matches!(kind, "claim_check_seal_malformed" | "claim_check_key_unknown");
    let without_key = if before_the_seal { kind } else { "claim_check_seal_broken" };
    for (name, change) in changes {
        let header = header(change);
        assert_eq!(resealed(&header), Err(kind), "{name}");
        assert_eq!(grafted(&header), Err(without_key), "{name}, without the key");
    }
}

#[test]
fn other_algorithms_and_downgrades_are_refused() {
    check_changes(
        "claim_check_seal_malformed",
        &[
            ("alg dir", |it| it["alg"] = "dir".into()),
            ("alg RSA-OAEP", |it| it["alg"] = "RSA-OAEP".into()),
            ("alg A128KW", |it| it["alg"] = "A128KW".into()),
            ("alg PBES2", |it| it["alg"] = "PBES2-HS256+A128KW".into()),
            ("alg none", |it| it["alg"] = "none".into()),
            ("alg as a list", |it| it["alg"] = json!(["A256KW"])),
            ("enc A128GCM", |it| it["enc"] = "A128GCM".into()),
            ("enc CBC", |it| it["enc"] = "A256CBC-HS512".into()),
            ("typ JWT", |it| it["typ"] = "JWT".into()),
            ("zip", |it| it["zip"] = "DEF".into()),
        ],
    );
}

#[test]
fn foreign_members_and_other_lists_of_critical_ones_are_refused() {
    check_changes(
        "claim_check_seal_malformed",
        &[
            ("jwk brought along", |it| it["jwk"] = json!({"kty": "oct"})),
            ("jku", |it| it["jku"] = "https://attacker.example".into()),
            ("cty", |it| it["cty"] = "JWT".into()),
            ("unknown member", |it| it["x"] = 1.into()),
            ("crit empty", |it| it["crit"] = json!([])),
            ("crit short", |it| it["crit"] = json!(["kest.claim"])),
            ("crit unknown", |it| it["crit"] = json!(["kest.claim", "x"])),
            ("crit twice", |it| it["crit"] = json!(["kest.claim", "kest.chain_tip", "kest.claim"])),
            ("crit of the absent", |it| it["crit"] = json!(["kest.claim", "kest.chain_tip", "kest.use"])),
            ("use not critical", |it| it["kest.use"] = "once".into()),
            ("use unknown", |it| {
                it["kest.use"] = "twice".into();
                it["crit"] = json!(["kest.claim", "kest.chain_tip", "kest.use"]);
            }),
        ],
    );
}

#[test]
fn every_changed_value_of_the_header_is_refused() {
    check_changes("claim_check_key_unknown", &[("kid swapped", |it| it["kid"] = "k2".into())]);
    check_changes("claim_check_key_unknown", &[("kid empty", |it| it["kid"] = "".into())]);
    check_changes("claim_check_of_another_audience", &[("aud of others", |it| it["aud"] = json!(["bank"]))]);
    check_changes("claim_check_of_another_audience", &[("aud empty", |it| it["aud"] = json!([]))]);
    check_changes("claim_check_seal_expired", &[("exp over", |it| it["exp"] = NOW.into())]);
    check_changes("claim_check_swapped", &[("claim of another", |it| it["kest.claim"] = OTHER_CLAIM.into())]);
    let tips: fn(&mut Value) = |it| it["kest.chain_tip"] = "b".repeat(64).into();
    check_changes("claim_check_of_another_lineage", &[("tips of another", tips)]);
    check_changes(
        "claim_check_seal_malformed",
        &[
            ("kid null", |it| it["kid"] = Value::Null),
            ("aud as text", |it| it["aud"] = "shop".into()),
            ("aud with a number", |it| it["aud"] = json!(["shop", 1])),
            ("exp no integer", |it| it["exp"] = json!(9e9)),
            ("exp negative", |it| it["exp"] = json!(-1)),
            ("exp as text", |it| it["exp"] = "9999999999".into()),
            ("claim no id", |it| it["kest.claim"] = CLAIM.to_uppercase().into()),
            ("tips no hashes", |it| it["kest.chain_tip"] = "a".into()),
        ],
    );
}

#[test]
fn header_with_a_longer_life_a_wider_audience_or_another_claim_does_not_decrypt() {
    let changes: [fn(&mut Value); 4] = [
        |it| it["exp"] = (NOW + 999).into(),
        |it| it["aud"] = json!(["shop", "bank"]),
        // Only the order in `crit` is another than ours.
        |_it| (),
        |it| {
            it["kest.use"] = "once".into();
            it["crit"] = json!(["kest.claim", "kest.chain_tip", "kest.use"]);
        },
    ];
    for change in changes {
        assert!(resealed(&header(change)).is_ok(), "it would be believed");
        assert_eq!(grafted(&header(change)), Err("claim_check_seal_broken"));
    }
}

#[test]
fn missing_repeated_and_ambiguous_members_are_refused() {
    for member in ["alg", "enc", "typ", "kid", "aud", "exp", "kest.claim", "kest.chain_tip", "crit"] {
        let without = header(|it| drop(it.as_object_mut().unwrap().remove(member)));
        assert_eq!(resealed(&without), Err("claim_check_seal_malformed"), "{member}");
        let whole = String::from_utf8(header(|_| ())).unwrap();
        let value = &serde_json::from_str::<Value>(&whole).unwrap()[member];
        let twice = format!("{},\"{member}\":{value}}}", whole.strip_suffix('}').unwrap());
        assert_eq!(resealed(twice.as_bytes()), Err("claim_check_seal_malformed"), "{member} twice");
    }
    for text in ["", "[]", "null", "{}", "{\"alg\":", "\u{feff}{}", "[[[[[[[["] {
        assert_eq!(resealed(text.as_bytes()), Err("claim_check_seal_malformed"), "{text}");
    }
    let long = header(|it| it["aud"] = json!(vec!["x".repeat(128); 64]));
    assert_eq!(resealed(&long), Err("claim_check_seal_malformed"), "over the limit");
}

#[test]
fn truncated_extended_doubled_and_exchanged_parts_are_refused() {
    let (text, other) = (sealed(b"[\"one\"]"), sealed(b"[\"two\"]"));
    let (parts, others): (Vec<_>, Vec<_>) = (text.split('.').collect(), other.split('.').collect());
    let with = |place: usize, part: &str| {
        let mut parts = parts.clone();
        parts[place] = part;
        opened(parts.join("."))
    };
    assert_eq!(opened(&text), Ok(b"[\"one\"]".to_vec()));
    for (place, part) in parts.iter().enumerate() {
        let (short, shorter) = (part.split_at(part.len() - 1).0, part.split_at(part.len() - 4).0);
        let longer = [format!("{part}A"), format!("{part}AAAA"), format!("{part}="), format!("{part}{part}")];
        for changed in [short, shorter, "", " "].into_iter().chain(longer.iter().map(String::as_str)) {
            assert!(with(place, changed).is_err(), "part {place}: {changed}");
        }
        if place > 0 {
            assert_eq!(with(place, others[place]), Err("claim_check_seal_broken"), "part {place} of another");
        }
    }
    let wrong = [text.replace('.', ""), format!("{text}."), format!("{text}.AAAA"), format!(".{text}")];
    for text in wrong.iter().map(String::as_str).chain([text.rsplit_once('.').unwrap().0, "....", ""]) {
        assert_eq!(opened(text), Err("claim_check_seal_malformed"), "{text}");
    }
}

#[test]
fn key_of_another_deployment_opens_nothing_under_the_same_name() {
    let theirs = SealingKey::new(key("k1").id().clone(), &[1; 32]);
    let text = encrypt(&header(|_| ()), b"[]".to_vec(), &theirs, &OsRandom).unwrap();
    assert_eq!(opened(text), Err("claim_check_seal_broken"));
}

#[test]
fn stray_bits_in_base64url_are_no_second_spelling() {
    let text = sealed(b"[]");
    let parts: Vec<_> = text.split('.').collect();
    // Two bytes take three digits, the last of which has two bits to spare.
    let last = parts[3].chars().last().unwrap();
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = digits.chars().nth(digits.find(last).unwrap() + 1).unwrap();
    let stray = format!("{}{next}", parts[3].split_at(2).0);
    let text = [parts[0], parts[1], parts[2], &stray, parts[4]].join(".");
    assert_eq!(opened(text), Err("claim_check_seal_malformed"));
}

#[test]
fn longest_claim_has_room_for_the_longest_seal_and_nothing_longer_is_decoded() {
    let mut limits = Limits::default();
    limits.passport_bytes = 1000;
    let names: Vec<_> = (0..8).map(|place| audience(&format!("{place}{}", "\"".repeat(127)))).collect();
    let id = kest_core::signature::KeyId::new("\"".repeat(256)).unwrap();
    let widest = Sealing::new(SealingKey::new(id, &[1; 32]), names[0].clone());
    let widest = widest.write_for(names).unwrap().single_use();
    let hashes: Vec<String> = (0..limits.parents).map(|tip| format!("{tip:064x}")).collect();
    let tips = Tips::parse(&hashes.join(","), &limits).unwrap();
    let text = seal(vec![b' '; 1000], (&claim(), &tips), u64::MAX, &widest, &OsRandom).unwrap();
    assert!(text.len() <= longest_claim(&limits), "{} bytes", text.len());
    let opened = |text: &str| open(text.as_bytes(), (&claim(), None), 0, &widest, &limits);
    assert!(opened(&text).is_ok());
    let long = seal(vec![b' '; 20_000], (&claim(), &tips), u64::MAX, &widest, &OsRandom).unwrap();
    let refused = opened(&long);
    assert!(matches!(refused, Err(RestoreError::ClaimCheckSealMalformed)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_was_sealed_is_what_is_opened(passport in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert_eq!(opened(sealed(&passport)), Ok(passport));
    }

    #[test]
    fn any_changed_byte_is_refused(
        passport in prop::collection::vec(any::<u8>(), 0..300),
        place in any::<prop::sample::Index>(),
        change in 1_u8..,
    ) {
        let mut text = sealed(&passport).into_bytes();
        let place = place.index(text.len());
        text[place] ^= change;
        prop_assert!(opened(text).is_err());
    }

    #[test]
    fn hostile_bytes_are_refused_and_nothing_else_happens(
        noise in prop::collection::vec(any::<u8>(), 0..400),
        header in "\\PC{0,200}",
        tail in "[A-Za-z0-9_.-]{0,200}",
    ) {
        prop_assert!(opened(&noise).is_err());
        let text = format!("{}.{tail}", URL_SAFE_NO_PAD.encode(&header));
        prop_assert!(opened(text).is_err());
    }
}
