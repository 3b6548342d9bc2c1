//! Attacks on and proofs of the compressed tier.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;

fn zlib(json: &[u8], level: u32) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), Compression::new(level));
    writer.write_all(json).unwrap();
    writer.finish().unwrap()
}

fn inflated(packed: &[u8]) -> Result<Vec<u8>, &'static str> {
    inflate(packed, &Limits::default()).map_err(|error| error.kind())
}

/// Text that looks like a passport: compressible, but not absurdly so.
fn json(entries: usize) -> String {
    let entry = |index: usize| format!("\"{}\"", base64_noise(index));
    format!("[{}]", (0..entries).map(entry).collect::<Vec<_>>().join(","))
}

fn base64_noise(seed: usize) -> String {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b"abcdefghijklmnop"[(state >> 33) % 16])
    };
    let varying: String = (0..86).map(|_| digit()).collect();
    format!("{}.{varying}", "eyJhbGciOiJFZERTQSJ9".repeat(20))
}

#[test]
fn written_member_has_no_padding_and_is_read_with_and_without() {
    for entries in 1..8 {
        let json = json(entries);
        let member = write(&json, 4096, &Limits::default()).unwrap();
        let text = member.strip_prefix("kest.passport_z=").unwrap();
        assert!(!text.contains('='));
        assert_eq!(read(text, &Limits::default()).unwrap(), json.as_bytes());
        let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
        assert_eq!(read(&padded, &Limits::default()).unwrap(), json.as_bytes());
    }
}

#[test]
fn text_that_is_no_canonical_base64url_is_refused() {
    let text = BASE64.encode(zlib(b"[]", 2));
    for bad in [
        format!("{text}!"),
        format!("{text}===="),
        format!("={text}"),
        text.replacen('e', "+", 1),
        "eJyLjgUAARUAux".to_owned(),
        "A".to_owned(),
    ] {
        let error = read(&bad, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), "passport_not_base64", "{bad}");
    }
}

#[test]
fn every_level_is_read() {
    let json = json(5);
    for level in 0..=9 {
        assert_eq!(inflated(&zlib(json.as_bytes(), level)).unwrap(), json.as_bytes());
    }
}

#[test]
fn stream_that_does_not_end_with_the_input_is_refused() {
    let whole = zlib(json(3).as_bytes(), 2);
    for length in 0..whole.len() {
        assert_eq!(inflated(&whole[..length]), Err("passport_not_zlib"), "{length}");
    }
    let followed = [&whole[..], b"x"].concat();
    assert_eq!(inflated(&followed), Err("passport_not_zlib"));
    let twice = [&whole[..], &whole[..]].concat();
    assert_eq!(inflated(&twice), Err("passport_not_zlib"));
}

#[test]
fn wrong_checksum_and_raw_deflate_are_refused() {
    let mut wrong = zlib(json(3).as_bytes(), 2);
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(inflated(&wrong), Err("passport_not_zlib"));
    let raw = zlib(json(3).as_bytes(), 2);
    assert_eq!(inflated(&raw[2..raw.len() - 4]), Err("passport_not_zlib"));
    // RFC 1950 section 2.2: FDICT asks for a dictionary that was not given.
    assert_eq!(inflated(&[0x78, 0xbb, 0, 0, 0, 1, 1, 0, 0, 0xff, 0xff]), Err("passport_not_zlib"));
}

#[test]
fn bomb_is_refused_before_it_takes_memory() {
    let bomb = zlib(&vec![b' '; 250 * 1024 * 1024], 9);
    assert!(bomb.len() > 200 * 1024);
    let Err(RestoreError::TooLarge(held)) = inflate(&bomb, &Limits::default()) else {
        panic!("not refused as too large");
    };
    assert_eq!(held, Limits::default().inflated_bytes + 1);
    let small = zlib(&vec![b' '; 2_800_000], 9);
    let Err(RestoreError::TooLarge(held)) = inflate(&small, &Limits::default()) else {
        panic!("not refused as too large");
    };
    assert_eq!(held, small.len() * Limits::default().inflate_ratio + 1);
}

#[test]
fn limit_is_exact() {
    let mut limits = Limits::default();
    limits.inflated_bytes = 5000;
    let fits = zlib(json(100).get(..5000).unwrap().as_bytes(), 2);
    assert_eq!(inflate(&fits, &limits).unwrap().len(), 5000);
    let over = zlib(json(100).get(..5001).unwrap().as_bytes(), 2);
    assert!(matches!(inflate(&over, &limits), Err(RestoreError::TooLarge(5001))));
}

#[test]
fn what_readers_would_refuse_is_not_written() {
    let mut limits = Limits::default();
    limits.inflated_bytes = 100;
    assert!(write(&json(1), 4096, &limits).is_none());
    assert!(write(&" ".repeat(100_000), 4096, &Limits::default()).is_none());
    assert!(write(&json(1), 20, &Limits::default()).is_none());
    assert!(write(&json(1), 3, &Limits::default()).is_none());
}

#[test]
fn member_that_fills_its_room_exactly_is_written() {
    let json = json(4);
    let length = write(&json, 4096, &Limits::default()).unwrap().len();
    for room in length.saturating_sub(5)..length {
        assert!(write(&json, room, &Limits::default()).is_none(), "{room}");
    }
    assert!(write(&json, length, &Limits::default()).is_some());
}

proptest! {
    #[test]
    fn every_text_comes_back(text in ".{0,2000}") {
        let mut limits = Limits::default();
        limits.inflate_ratio = 10_000;
        let member = write(&text, 16 * 1024, &limits).unwrap();
        let value = member.strip_prefix("kest.passport_z=").unwrap();
        prop_assert_eq!(read(value, &limits).unwrap(), text.into_bytes());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _outcome = inflated(&bytes).is_ok();
        let stream = [&[0x78, 0x9c][..], &bytes].concat();
        let _outcome = inflated(&stream).is_ok();
    }
}
