//! Tokens that hold, in all the shapes that issuers give them.

use crate::issuer::{AUDIENCE, ISSUER, Issuer, LEEWAY, NOW};
use crate::making::Making;
use crate::members::Members;
use crate::random::Random;

/// A token that holds, unless it is changed; `serial` tells it from all others.
pub(crate) fn good<'it>(
    issuer: &'it Issuer,
    previous: &'it str,
    serial: &str,
    random: &mut Random,
) -> Making<'it> {
    let mut header = Members::default();
    header.set("typ", random.pick(&TYPES));
    let mut making = Making::new(issuer, previous, header, claims(serial, random));
    let key = issuer.any(random);
    making.signed_with(key.id, &key.pair, random.pick(key.pair.algorithms()));
    for member in [r#""x5t":"AQID""#, r#""cty":"JWT""#, r#""zip":null"#, r#""note":{"a":[1,"ü"]}"#] {
        if random.chance(5) {
            let (name, json) = member.split_once(':').unwrap();
            making.header.set(name.trim_matches('"'), json);
        }
    }
    let count = random.below(3);
    making.header.rotate(count);
    making
}

fn claims(serial: &str, random: &mut Random) -> Members {
    let mut claims = Members::default();
    claims.set("jti", format!("\"{serial}\""));
    claims.set("iss", format!("\"{ISSUER}\""));
    claims.set("aud", random.pick(&AUDIENCES).replace('@', AUDIENCE));
    claims.set("sub", random.pick(&SUBJECTS));
    claims.set("exp", expiry(random));
    for (name, choices) in [
        ("client_id", &CLIENTS[..]),
        ("azp", &CLIENTS),
        ("scope", &SCOPES),
        ("roles", &ROLES),
        ("act", &ACTORS),
        ("number", &NUMBERS),
        ("nested", &NESTED),
        ("__proto__", &NESTED),
    ] {
        let percent = if matches!(name, "client_id" | "scope") { 70 } else { 15 };
        if random.chance(percent) {
            claims.set(name, random.pick(choices));
        }
    }
    for name in ["iat", "nbf"] {
        if random.chance(75) {
            claims.set(name, begin(random));
        }
    }
    let count = random.below(8);
    claims.rotate(count);
    claims
}

fn expiry(random: &mut Random) -> String {
    let edge = NOW - LEEWAY;
    match random.below(10) {
        0 => (edge + 1).to_string(),
        1 => format!("{edge}.{:03}", 1 + random.below(999)),
        2 => "1.70000123e9".into(),
        3 => "17000012340E-1".into(),
        4 => format!("{}.0", NOW + 60),
        5 => format!("{}.25", NOW + 60),
        6 => NOW.to_string(),
        _ => (NOW + 1 + u64::try_from(random.below(7200)).unwrap()).to_string(),
    }
}

/// When a token was issued, or from when on it holds.
fn begin(random: &mut Random) -> String {
    match random.below(8) {
        0 => (NOW + LEEWAY).to_string(),
        1 => format!("{}.{:03}", NOW + LEEWAY - 1, random.below(1000)),
        2 => "1.7e9".into(),
        3 => NOW.to_string(),
        _ => (NOW - u64::try_from(random.below(3600)).unwrap()).to_string(),
    }
}

const TYPES: [&str; 6] = [
    r#""at+jwt""#,
    r#""at+jwt""#,
    r#""AT+JWT""#,
    r#""application/at+jwt""#,
    r#""Application/At+Jwt""#,
    r#""at\u002bjwt""#,
];
const AUDIENCES: [&str; 6] =
    [r#""@""#, r#"["@"]"#, r#"["other","@"]"#, r#"["@","@"]"#, r#"["","@","ü"]"#, r#" [ "@" ] "#];
const SUBJECTS: [&str; 12] = [
    r#""user-1""#,
    r#""user-1""#,
    r#""0""#,
    r#"" ""#,
    r#""üöä ß \u00e9\u0065\u0301""#,
    r#""\ud83d\ude00 😀""#,
    r#""a\u0000b""#,
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u202eroot""#,
    r#""../../etc/passwd""#,
    r#""__proto__""#,
    r#""\ufeffuser""#,
];
const CLIENTS: [&str; 6] =
    [r#""agent-1""#, r#""agent-2""#, r#""""#, "null", r#""ägent""#, r#""constructor""#];
const SCOPES: [&str; 8] = [
    r#""read""#,
    r#""read write""#,
    r#""read  write ""#,
    r#""""#,
    "null",
    r#"["read","write"]"#,
    "[]",
    r#""\u0072ead""#,
];
const ROLES: [&str; 4] = [r#"["admin"]"#, "[]", "null", r#"["a","b c"]"#];
const ACTORS: [&str; 3] = [
    r#"{"sub":"svc-1"}"#,
    r#"{"sub":"svc-1","iss":"https://a.example/","act":{"sub":"svc-2"}}"#,
    r#"{"act":{"act":{"sub":"3"},"sub":"2"},"sub":"1"}"#,
];
const NUMBERS: [&str; 12] = [
    "-0",
    "0.1",
    "-0.0e0",
    "1e308",
    "5e-324",
    "1e-400",
    "123456789012345678901234567890",
    "18446744073709551616",
    "-9223372036854775809",
    "9007199254740993",
    "1E+2",
    "0.1234567890123456789012345678901234567890",
];
const NESTED: [&str; 4] = [
    r#"{"sub":"root","aud":"them","exp":0}"#,
    "[[[[[[[[[[[[[[1]]]]]]]]]]]]]]",
    r#"{"":{"":{"":[true,false,null]}}}"#,
    r#"[{"a":{}},{"a":{}}]"#,
];
