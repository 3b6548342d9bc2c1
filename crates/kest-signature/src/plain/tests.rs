//! The two readers of signature headers are one: what the quick one finds, the other finds too.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Uri};
use kest_core::passport::Tips;
use kest_core::signature::{Ed25519Signer, KeyId, Sign as _, WorkloadId};
use kest_core::{Limits, OsRandom, SystemClock};
use proptest::prelude::*;

use super::find;
use crate::base::Component;
use crate::fields::{self, SIGNATURE, SIGNATURE_INPUT};
use crate::hop::{self, TAG};
use crate::{ContentDigest, DigestAlgorithm, RequestHead, SignatureInput};

const INPUT: &str = "kest-hop=(\"@method\" \"@authority\" \"@path\" \"@query\" \"kest-tip\" \"authorization\");\
    created=1767225600;expires=1767225610;nonce=\"LXyuYz3j8fW0dJ0Nn2Xk1Q6q3bT5sVwZ\";alg=\"ed25519\";keyid=\"gateway\";\
    tag=\"kest-hop\"";
const SIGNED: &str =
    "kest-hop=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";

fn headers(input: &[u8], signature: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.append(SIGNATURE_INPUT, HeaderValue::from_bytes(input).ok()?);
    headers.append(SIGNATURE, HeaderValue::from_bytes(signature).ok()?);
    Some(headers)
}

/// Panics where the quick reader finds what the other does not. Says whether it found anything.
#[track_caller]
fn agree(headers: &HeaderMap, limits: &Limits) -> bool {
    let Some((quick, signature)) = find(headers, TAG, limits) else { return false };
    let (input, bytes) = fields::find_in_fields(headers, TAG, limits).unwrap().unwrap();
    assert_eq!(format!("{quick:?}"), format!("{input:?}"));
    assert_eq!(quick.to_string(), input.to_string());
    assert_eq!(signature, bytes);
    // Canonical already, so that the base is made of the very text that came.
    let line = headers.get(SIGNATURE_INPUT).unwrap().to_str().unwrap();
    assert_eq!(line.split_once('=').unwrap().1, quick.to_string());
    true
}

/// A place, how much is cut out there, and what is put in.
fn edit() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    let pieces = [
        "",
        " ",
        "  ",
        "\t",
        ",",
        ";",
        "=",
        ":",
        "\"",
        "\\",
        "\\\"",
        "(",
        ")",
        "?1",
        "0",
        "00",
        "-1",
        "1.0",
        "@1",
        "a",
        "*",
        "A",
        ";a",
        ";a=1",
        ";a=\"b\"",
        ";a=b",
        ";a=:YQ==:",
        ";a=%\"b\"",
        ";tag=\"kest-hop\"",
        ";created=0",
        "\"a\" ",
        "\"a\";sf",
        "x=1, ",
        ", x=1",
        "=\"\"",
        "999999999999999",
        "1000000000000000",
        "=",
        "==",
        "+",
        "/",
        "-",
        "_",
        "\u{e9}",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    (any::<prop::sample::Index>().prop_map(|place| place.index(4096)), 0..4_usize, piece)
}

fn edited(text: &str, edits: &[(usize, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, cut, piece) in edits {
        let start = place % (bytes.len() + 1);
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, piece.iter().copied());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Attack: a spelling that one reader takes for another signature than the other does.
    #[test]
    fn what_the_quick_reader_finds_the_reader_of_structured_fields_finds_too(
        input in prop::collection::vec(edit(), 0..3),
        signature in prop::collection::vec(edit(), 0..2),
    ) {
        if let Some(headers) = headers(&edited(INPUT, &input), &edited(SIGNED, &signature)) {
            agree(&headers, &Limits::default());
        }
    }

    #[test]
    fn texts_and_numbers_are_written_as_the_serialiser_of_structured_fields_writes_them(
        texts in prop::collection::vec("[ -~]{0,12}", 3),
        seconds in 0..=999_999_999_999_999_u64,
        label in "[a-z*][a-z0-9_.*-]{0,8}",
        signature in prop::collection::vec(any::<u8>(), 0..70),
    ) {
        let input = SignatureInput::of(vec![Component::Method, Component::Field("x-a!".parse().unwrap())]).unwrap();
        let mut written = input.with_seconds("created", seconds).unwrap();
        for (name, text) in ["nonce", "keyid", "x"].into_iter().zip(&texts) {
            written = written.with_text(name, text).unwrap();
        }
        written = written.with_text("tag", TAG).unwrap();
        let label = sfv::KeyRef::from_str(&label).unwrap();
        let mut headers = HeaderMap::new();
        fields::add(&mut headers, label, &written, &signature).unwrap();
        for name in [SIGNATURE_INPUT, SIGNATURE] {
            use sfv::FieldType as _;
            let line = headers.get(name).unwrap();
            let parsed: sfv::Dictionary = sfv::Parser::new(line.as_bytes()).parse().unwrap();
            prop_assert_eq!(parsed.serialize().unwrap(), line.to_str().unwrap());
            prop_assert_eq!(parsed.len(), 1);
        }
        let found = fields::find_in_fields(&headers, TAG, &Limits::default()).unwrap();
        let (read, bytes) = found.unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{written:?}"));
        prop_assert_eq!(bytes, signature);
    }
}

#[test]
fn the_quick_reader_finds_the_usual_spelling_and_no_other() {
    let limits = Limits::default();
    assert!(agree(&headers(INPUT.as_bytes(), SIGNED.as_bytes()).unwrap(), &limits));
    for (from, to) in [
        ("\"@path\" ", "\"@path\"  "),
        ("\"@path\"", "\"@path\";sf"),
        ("kest-hop=(", "Kest-hop=("),
        ("kest-hop=(", "hop=("),
        (";created", "; created"),
        ("=1767225600", "=01767225600"),
        ("=1767225600", "=+1767225600"),
        ("=1767225600", "=1767225600.0"),
        ("=1767225600", "=1767225600000000"),
        (";alg", ";created=1;alg"),
        (";alg", ";crit;alg"),
        ("gateway", "gate\\\"way"),
        ("tag=\"kest-hop\"", "tag=\"kest-hop\" "),
        ("tag=\"kest-hop\"", "tag=\"kest-hop\", a=1"),
        ("tag=\"kest-hop\"", "tag=\"kest-hops\""),
        ("tag=\"kest-hop\"", "tag=kest-hop"),
        ("\"@path\"", "\"@method\""),
        ("\"@path\"", "\"@Path\""),
    ] {
        let input = INPUT.replacen(from, to, 1);
        assert_ne!(input, INPUT, "{from}");
        assert!(find(&headers(input.as_bytes(), SIGNED.as_bytes()).unwrap(), TAG, &limits).is_none(), "{to}");
    }
    for signed in [
        SIGNED.replace("RCw==", "RCw="),
        SIGNED.replace("RCw==", "RCx=="),
        SIGNED.replace("kest-hop", "hop"),
        format!("{SIGNED};a"),
        format!("{SIGNED}, a=1"),
    ] {
        assert!(
            find(&headers(INPUT.as_bytes(), signed.as_bytes()).unwrap(), TAG, &limits).is_none(),
            "{signed}"
        );
    }
}

/// Attack: a second line of either header, or more bytes and members than the limits allow.
#[test]
fn the_quick_reader_keeps_the_limits() {
    let good = headers(INPUT.as_bytes(), SIGNED.as_bytes()).unwrap();
    for (name, line) in [(SIGNATURE_INPUT, INPUT), (SIGNATURE, SIGNED), (SIGNATURE, "a=:AA==:")] {
        let mut two = good.clone();
        two.append(name, HeaderValue::from_str(line).unwrap());
        assert!(find(&two, TAG, &Limits::default()).is_none());
    }
    let mut limits = Limits::default();
    limits.signature_bytes = INPUT.len();
    assert!(agree(&good, &limits));
    limits.signature_bytes = INPUT.len() - 1;
    assert!(find(&good, TAG, &limits).is_none());
    let mut limits = Limits::default();
    limits.signatures = 0;
    assert!(find(&good, TAG, &limits).is_none());
}

/// Attack: parts and parameters without number, each of which is compared with all before it.
#[test]
fn the_quick_reader_stops_at_parts_and_parameters_that_no_signature_of_ours_has() {
    for count in [20, 40] {
        let parts: String = (0..count).map(|place| format!(" \"x-{place}\"")).collect();
        let parameters: String = (0..count).map(|place| format!(";p{place}=1")).collect();
        for input in
            [INPUT.replace(" \"authorization\"", &parts), INPUT.replace(";created=1767225600", &parameters)]
        {
            let headers = headers(input.as_bytes(), SIGNED.as_bytes()).unwrap();
            assert_eq!(agree(&headers, &Limits::default()), count == 20, "{input}");
        }
    }
}

/// Were it not so, the quick reader would be there for nothing.
#[tokio::test]
async fn the_quick_reader_finds_what_this_crate_writes() {
    let (method, uri) = (Method::POST, Uri::from_static("https://cart.example/orders?express"));
    let head = RequestHead::of(&method, &uri);
    let workload = WorkloadId::new("spiffe://example.org/gateway").unwrap();
    let signer = Ed25519Signer::from_seed(workload, KeyId::new("gateway-2026").unwrap(), &[7; 32]).unwrap();
    let tips = Tips::parse(&"ab".repeat(32), &Limits::default()).unwrap();
    let body = ContentDigest::of(DigestAlgorithm::Sha256, b"two apples");
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    let key = signer.current();
    hop::sign(&head, &mut headers, &tips, Some(&body), &*key, &SystemClock, &OsRandom).await.unwrap();
    assert!(agree(&headers, &Limits::default()));
}
