//! Changes to the members of the header.

use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::issuer::{Issuer, ONLY_P384, SHARED_SECRET};
use crate::keys::Pair;
use crate::making::{Change, Hand, Making, Stage};
use crate::members::escaped;
use crate::random::Random;

pub(crate) const CHANGES: &[Change] = &[
    change("alg is another one", |making, random| {
        making.header.set("alg", random.pick(&ALGORITHMS));
    }),
    change("alg is no algorithm", |making, random| {
        making.header.set("alg", random.pick(&NO_ALGORITHMS));
    }),
    change("alg is missing", |making, _| making.header.remove("alg")),
    change("alg none", |making, random| {
        making.header.set("alg", random.pick(&[r#""none""#, r#""None""#, r#""NONE""#, r#""nOnE""#]));
        if random.chance(70) {
            making.hand = Hand::Unsigned;
        }
    }),
    change("public key is a shared secret", |making, random| {
        making.header.set("alg", r#""HS256""#);
        let secret = public_as_secret(&making.hand, random);
        making.hand = Hand::Hmac(secret);
    }),
    change("shared secret is published", |making, _| {
        making.header.set("alg", r#""HS256""#);
        making.header.set("kid", r#""oct""#);
        making.hand = Hand::Hmac(SHARED_SECRET.to_vec());
    }),
    change("typ is another one", |making, random| making.header.set("typ", random.pick(&OTHER_TYPES))),
    change("typ is missing", |making, _| making.header.remove("typ")),
    change("crit names what is unknown", |making, random| making.header.set("crit", random.pick(&CRITICAL))),
    change("crit names b64", |making, random| {
        making.header.set("crit", random.pick(&[r#"["b64"]"#, r#"["b64","b64"]"#]));
        making.header.set("b64", "true");
    }),
    change("b64 is false", |making, _| {
        making.header.set("crit", r#"["b64"]"#);
        making.header.set("b64", "false");
    }),
    change("b64 is not critical", |making, random| {
        making.header.set("b64", random.pick(&["true", "false", "null", "1"]));
    }),
    change("header brings a key", |making, random| {
        let (name, json) = random.pick(&OWN_KEYS);
        making.header.set(name, json);
    }),
    change("header brings the key that signs", |making, random| {
        let pair = Pair::ed25519(99);
        let jwk = format!("{{{},\"kid\":\"own\"}}", pair.numbers());
        let id = random.pick(&["own", "ed-1", "ec-1"]);
        making.signed_with(id, &pair, "EdDSA");
        making.header.set("jwk", jwk);
    }),
    change("kid is missing", |making, random| {
        only_p384(making, random);
        making.header.remove("kid");
    }),
    change("kid is unknown", |making, random| making.header.set("kid", random.pick(&UNKNOWN_IDS))),
    change("kid is of another key", |making, random| {
        let id = making.issuer.any(random).id;
        making.header.set("kid", format!("\"{id}\""));
    }),
    change("kid is no string", |making, random| {
        only_p384(making, random);
        making.header.set("kid", random.pick(&["null", "0", "[]", r#"["ec-384"]"#, "{}", "true"]));
    }),
    change("header member stands twice", |making, random| double(making, random, usize::MAX)),
    change("header member stands twice by escapes", |making, random| {
        let at = random.below(3);
        double(making, random, at);
    }),
    change("header names and values are escaped", |making, random| {
        let at = random.below(3);
        for name in ["alg", "kid", "typ"] {
            making.header.rename(name, &escaped(name, at));
        }
    }),
    change("header name in another case", |making, random| {
        let (name, other) = random.pick(&[("alg", "Alg"), ("kid", "KID"), ("typ", "Typ")]);
        making.header.rename(name, other);
    }),
    change("header number is over every double", |making, random| {
        making.header.put_last("x", random.pick(&["1e400", "[-1E999]", r#"{"y":123e9999999999}"#]));
    }),
];

const fn change(name: &'static str, apply: fn(&mut Making<'_>, &mut Random)) -> Change {
    Change { name, stage: Stage::Members, apply }
}

/// Half of the time takes the key that needs no name.
fn only_p384(making: &mut Making<'_>, random: &mut Random) {
    if random.chance(50) {
        let issuer: &Issuer = making.issuer;
        let key = issuer.good.iter().find(|key| key.id == ONLY_P384).unwrap();
        making.signed_with(key.id, &key.pair, "ES384");
    }
}

/// Writes a member again, before or behind itself, with the same value or another; `at` says what to escape in it.
fn double(making: &mut Making<'_>, random: &mut Random, at: usize) {
    let name = random.pick(&["alg", "kid", "typ"]);
    let same = making.header.value(name).unwrap_or("null").to_owned();
    let value = random.pick(&[same.as_str(), "null", r#""none""#, r#""ed-1""#, r#""at+jwt""#]);
    let spelling = if at == usize::MAX { name.to_owned() } else { escaped(name, at) };
    if random.chance(65) {
        making.header.put_first(&spelling, value);
    } else {
        making.header.put_last(&spelling, value);
    }
}

/// What an attacker may take for the secret that the service knows.
fn public_as_secret(hand: &Hand, random: &mut Random) -> Vec<u8> {
    let Hand::Pair(pair) = hand else { return Vec::new() };
    let [number, _] = pair.public();
    let der = if let Pair::Rsa(pair) = pair { pair.public_key().as_ref().to_vec() } else { number.clone() };
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
    match random.below(5) {
        0 => der,
        1 => pem.into_bytes(),
        2 => number,
        3 => URL_SAFE_NO_PAD.encode(number).into_bytes(),
        _ => Vec::new(),
    }
}

const ALGORITHMS: [&str; 9] = [
    r#""RS256""#,
    r#""RS384""#,
    r#""RS512""#,
    r#""PS256""#,
    r#""PS384""#,
    r#""PS512""#,
    r#""ES256""#,
    r#""ES384""#,
    r#""EdDSA""#,
];
const NO_ALGORITHMS: [&str; 22] = [
    r#""rs256""#,
    r#""Es256""#,
    r#""EDDSA""#,
    r#""eddsa""#,
    r#""Ed25519""#,
    r#""Ed448""#,
    r#""ES512""#,
    r#""ES256K""#,
    r#""HS256""#,
    r#""HS512""#,
    r#""RSA-OAEP""#,
    r#""dir""#,
    r#""ML-DSA-44""#,
    r#""RS256 ""#,
    r#""RS256\u0000""#,
    r#""constructor""#,
    r#""__proto__""#,
    r#""""#,
    "null",
    "256",
    r#"["RS256"]"#,
    r#"{"alg":"RS256"}"#,
];
const OTHER_TYPES: [&str; 20] = [
    r#""JWT""#,
    r#""jwt""#,
    r#""application/jwt""#,
    r#""logout+jwt""#,
    r#""dpop+jwt""#,
    r#""id+jwt""#,
    r#""secevent+jwt""#,
    r#""JOSE""#,
    r#""at+jwt;v=1""#,
    r#"" at+jwt""#,
    r#""at+jwt ""#,
    r#""at+jwt\u0000""#,
    r#""at jwt""#,
    r#""text/at+jwt""#,
    r#""/at+jwt""#,
    r#""application/application/at+jwt""#,
    r#""""#,
    "null",
    "1",
    r#"["at+jwt"]"#,
];
const CRITICAL: [&str; 11] = [
    r#"["exp"]"#,
    r#"["http://example.com/UNDEFINED"]"#,
    r#"["alg"]"#,
    r#"["crit"]"#,
    r#"["b64"]"#,
    r#"["__proto__"]"#,
    "[]",
    "null",
    r#""b64""#,
    "[1]",
    r#"[""]"#,
];
const OWN_KEYS: [(&str, &str); 6] = [
    ("jwk", r#"{"kty":"oct","k":"AA"}"#),
    ("jwk", "null"),
    ("jku", r#""https://evil.example/jwks.json""#),
    ("x5u", r#""http://169.254.169.254/""#),
    ("x5c", r#"["MIIB"]"#),
    ("x5c", "[]"),
];
const UNKNOWN_IDS: [&str; 14] = [
    r#""unknown""#,
    r#""RSA-1""#,
    r#""rsa-1 ""#,
    r#"" ec-1""#,
    r#""ec-1\u0000""#,
    r#""ec_1""#,
    r#""../ec-1""#,
    r#""' OR '1'='1""#,
    r#""__proto__""#,
    r#""constructor""#,
    r#""toString""#,
    r#""0""#,
    r#""lwe""#,
    r#""oct""#,
];
