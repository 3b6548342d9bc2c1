//! Key sets with something wrong in them, key by key and as a whole.

use super::*;

const GOOD: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"good","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 8032 section 7.1, the second test.
const RIVAL: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";

fn read(keys: &[&str]) -> KeySet {
    let json = format!(r#"{{"keys":[{}],"other":{{}}}}"#, keys.join(","));
    KeySet::from_json(json.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn bad_keys_leave_the_good_one() {
    let twice = GOOD.replace(r#""kty":"OKP""#, r#""kty":"OKP","kty":"OKP""#).replace("good", "bad");
    for (bad, reason) in [
        ("null", SkippedKey::Malformed),
        ("[[[[]]]]", SkippedKey::Malformed),
        (r#""text""#, SkippedKey::Malformed),
        ("{}", SkippedKey::Malformed),
        (twice.as_str(), SkippedKey::Malformed),
        (r#"{"kty":"quantum","kid":"q"}"#, SkippedKey::Unsupported),
        (r#"{"kty":"oct","kid":"good","k":"AQ"}"#, SkippedKey::Symmetric),
        (&GOOD.replace(r#""kid":"good","#, ""), SkippedKey::NoKeyId),
        (&GOOD.replace("11q", "@@@"), SkippedKey::Malformed),
        (&GOOD.replace(r#""kid""#, r#""use":"enc","kid""#), SkippedKey::NotForVerifying),
        (&GOOD.replace(r#""kid""#, r#""d":"AQ","kid""#), SkippedKey::Private),
    ] {
        for keys in [[bad, GOOD], [GOOD, bad]] {
            let set = read(&keys);
            assert!(set.contains("good"), "{bad}");
            assert_eq!((set.len(), set.skipped_keys(), set.skipped(reason)), (1, 1, 1), "{bad}");
        }
    }
}

#[test]
fn two_keys_of_one_id_take_each_other_and_leave_the_rest() {
    let other = GOOD.replace("good", "other");
    let rival = GOOD.replace("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", RIVAL);
    let set = read(&[GOOD, &other, &rival, GOOD]);
    assert!(set.contains("other") && !set.contains("good"));
    assert_eq!(set.skipped(SkippedKey::DoubledKeyId), 3);
}

#[test]
fn one_key_listed_twice_is_one_key() {
    let with_algorithm = GOOD.replace(r#""kid""#, r#""alg":"EdDSA","use":"sig","kid""#);
    let for_encryption = GOOD.replace(r#""kid""#, r#""use":"enc","kid""#);
    let set = read(&[GOOD, GOOD, &with_algorithm, &for_encryption]);
    assert_eq!((set.len(), set.skipped(SkippedKey::DoubledKeyId)), (1, 0));
    assert!(set.key("good").unwrap().can_check(Algorithm::Ed25519));
}

#[test]
fn keys_over_the_limit_are_not_read() {
    let mut limits = Limits::default();
    limits.key_set_keys = 1;
    let json = format!(r#"{{"keys":[{GOOD},{}]}}"#, GOOD.replace("good", "late"));
    let set = KeySet::from_json(json.as_bytes(), &limits).unwrap();
    assert!(set.contains("good") && !set.contains("late"));
    assert_eq!(set.skipped(SkippedKey::TooMany), 1);
}

#[test]
fn ten_thousand_bad_keys_before_the_good_one_do_not_push_it_out() {
    let json = format!(r#"{{"keys":[{}{GOOD}]}}"#, "{},".repeat(10_000));
    let set = KeySet::from_json(json.as_bytes(), &Limits::default()).unwrap();
    assert!(set.contains("good"));
    assert_eq!((set.len(), set.skipped(SkippedKey::Malformed)), (1, 10_000));
}

#[test]
fn doubled_ids_use_up_their_room() {
    let mut limits = Limits::default();
    limits.key_set_keys = 2;
    let json = format!(r#"{{"keys":[{GOOD},{GOOD},{}]}}"#, GOOD.replace("good", "late"));
    let set = KeySet::from_json(json.as_bytes(), &limits).unwrap();
    assert_eq!((set.len(), set.skipped(SkippedKey::TooMany)), (1, 1));
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let names: std::collections::HashSet<_> = SkippedKey::ALL.into_iter().map(SkippedKey::kind).collect();
    assert_eq!(names.len(), SkippedKey::ALL.len());
}

#[test]
fn text_that_is_no_key_set_is_an_error() {
    let deep = format!(r#"{{"keys":[{}1{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(KeySet::from_json(deep.as_bytes(), &Limits::default()).unwrap().len(), 0);
    let nested = "[".repeat(200_000);
    for json in
        ["", "null", "[]", "[[]]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>", &nested]
    {
        let refused = KeySet::from_json(json.as_bytes(), &Limits::default());
        assert!(matches!(refused, Err(KeySetError::NotAKeySet(_))), "{json:.20}");
    }
    let long = vec![b' '; Limits::default().key_set_bytes + 1];
    assert!(matches!(KeySet::from_json(&long, &Limits::default()), Err(KeySetError::TooLong(_))));
}
