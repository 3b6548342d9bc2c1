//! Changes to the claims.

use crate::issuer::{AUDIENCE, ISSUER, LEEWAY, NOW};
use crate::making::{Change, Making, Stage};
use crate::members::escaped;
use crate::random::Random;

pub(crate) const CHANGES: &[Change] = &[
    change("required claim is missing", |making, random| {
        making.claims.remove(random.pick(&["iss", "aud", "sub", "exp"]));
    }),
    change("optional claim is missing", |making, random| {
        making.claims.remove(random.pick(&["iat", "nbf", "client_id", "azp", "scope", "roles", "act"]));
    }),
    change("claim name in another case", |making, random| {
        let name = random.pick(&["iss", "aud", "sub", "exp"]);
        making.claims.rename(name, &name.to_uppercase());
    }),
    change("claim names are escaped", |making, random| {
        let at = random.below(3);
        for name in ["iss", "aud", "sub", "exp", "nbf", "iat", "scope"] {
            making.claims.rename(name, &escaped(name, at));
        }
    }),
    change("claim moved into another", |making, random| {
        let name = random.pick(&["iss", "aud", "sub", "exp"]);
        let value = making.claims.value(name).unwrap_or("null").to_owned();
        making.claims.remove(name);
        let outer = random.pick(&["__proto__", "claims", "constructor"]);
        making.claims.set(outer, format!("{{\"{name}\":{value}}}"));
    }),
    change("iss is another one", |making, random| {
        making.claims.set("iss", random.pick(&OTHER_ISSUERS).replace('@', ISSUER));
    }),
    change("aud is another one", |making, random| {
        making.claims.set("aud", random.pick(&OTHER_AUDIENCES).replace('@', AUDIENCE));
    }),
    change("aud has members that are no strings", |making, random| {
        let json = random.pick(&[r#"["@",1]"#, r#"[null,"@"]"#, r#"["@",["them"]]"#, r#"[{},"@"]"#]);
        making.claims.set("aud", json.replace('@', AUDIENCE));
    }),
    change("exp is over", |making, random| {
        let passed = NOW - LEEWAY - u64::try_from(random.below(3)).unwrap();
        let json = random.pick(&["", ".0", ".000", "e0"]);
        making.claims.set("exp", format!("{passed}{json}"));
    }),
    change("time is no number", |making, random| {
        making.claims.set(random.pick(&["exp", "nbf", "iat"]), random.pick(&NO_NUMBERS));
    }),
    change("time is no date", |making, random| {
        making.claims.set(random.pick(&["nbf", "iat"]), random.pick(&["-1", "-0.5", "-1e300"]));
        if random.chance(50) {
            making.claims.set("exp", random.pick(&["1700000000000", "1e300", "253402300800"]));
        }
    }),
    change("exp is far", |making, random| {
        making.claims.set("exp", random.pick(&["1700086420", "1700086400.5", "4000000000", "253402300799"]));
    }),
    change("nbf is at its edge", |making, random| at_edge(making, "nbf", random)),
    change("iat is at its edge", |making, random| at_edge(making, "iat", random)),
    change("iat is long ago", |making, random| {
        making.claims.set("iat", random.pick(&["0", "-0", "1699913600", "1699913000", "1e3"]));
    }),
    change("sub is no name", |making, random| {
        making.claims.set("sub", random.pick(&[r#""""#, "null", "1", "true", r#"["user-1"]"#, "{}"]));
    }),
    change("client is no name", |making, random| {
        making.claims.set("client_id", random.pick(&["1", "true", r#"["agent-1"]"#, "{}"]));
    }),
    change("scope is no list of scopes", |making, random| {
        let json =
            random.pick(&["1", "{}", "[1]", r#"["a b","c"]"#, r#"["a",""]"#, "true", r#"[["a"],"b"]"#]);
        making.claims.set("scope", json);
    }),
    change("roles are no list of names", |making, random| {
        let json = random.pick(&[r#""admin""#, "{}", "[1]", r#"["a",""]"#, r#"[{"value":"admin"},null]"#]);
        making.claims.set("roles", json);
    }),
    change("act without a name", |making, random| making.claims.set("act", random.pick(&NO_ACTORS))),
    change("act is long", |making, random| {
        let count = 2 + random.below(12);
        let open = r#"{"sub":"s","act":"#.repeat(count);
        making.claims.set("act", format!(r#"{open}{{"sub":"t"}}{}"#, "}".repeat(count)));
    }),
    change("claim of an ID token", |making, random| {
        making.claims.set(random.pick(&["nonce", "at_hash", "c_hash"]), random.pick(&[r#""x""#, "null"]));
    }),
    change("claim of a security event", |making, random| {
        let logout = r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#;
        making.claims.set("events", random.pick(&[logout, "{}", "null"]));
    }),
    change("token is bound", |making, random| making.claims.set("cnf", random.pick(&CONFIRMATIONS))),
    change("claim stands twice", |making, random| double(making, random, usize::MAX)),
    change("claim stands twice by escapes", |making, random| {
        let at = random.below(3);
        double(making, random, at);
    }),
    change("member of a claim stands twice", |making, random| {
        making.claims.set("act", random.pick(&[r#"{"sub":"a","sub":"b"}"#, r#"{"sub":"a","s\u0075b":"a"}"#]));
    }),
    change("number is over every double", |making, random| {
        let name = random.pick(&["exp", "number", "nbf", "iat"]);
        making.claims.set(name, random.pick(&["1e400", "-1E999", "[1e309]", "17e0000000400"]));
    }),
    change("surrogate stands alone", |making, random| {
        let json = random.pick(&[r#""\ud800""#, r#""\udc00a""#, r#""\ude00\ud83d""#, r#"{"\uDBFF":1}"#]);
        making.claims.set(random.pick(&["sub", "scope", "note"]), json);
    }),
    change("claims are nested", |making, random| {
        let depth = random.pick(&[13, 14, 15, 16, 17, 100, 5000]);
        let (open, close) = random.pick(&[("[", "]"), (r#"{"":"#, "}")]);
        let depth = if open == "[" { depth } else { depth.min(1000) };
        making.claims.set("deep", format!("{}0{}", open.repeat(depth), close.repeat(depth)));
    }),
    change("token is long", |making, random| {
        let length = random.pick(&[8_000, 11_000, 12_500, 20_000]);
        making.claims.set("long", format!("\"{}\"", "x".repeat(length)));
    }),
];

const fn change(name: &'static str, apply: fn(&mut Making<'_>, &mut Random)) -> Change {
    Change { name, stage: Stage::Members, apply }
}

fn at_edge(making: &mut Making<'_>, name: &str, random: &mut Random) {
    let edge = NOW + LEEWAY;
    let choices =
        [edge.to_string(), format!("{edge}.001"), (edge + 1).to_string(), (NOW + 360_000).to_string()];
    making.claims.set(name, choices[random.below(choices.len())].as_str());
}

/// Writes a claim again, before or behind itself, with the same value or another; `at` says what to escape in it.
fn double(making: &mut Making<'_>, random: &mut Random, at: usize) {
    let names = making.claims.names();
    let name = &names[random.below(names.len())];
    let same = making.claims.value(name).unwrap_or("null").to_owned();
    let value = random.pick(&[same.as_str(), "null", r#""root""#, "1"]);
    let spelling = if at == usize::MAX { name.clone() } else { escaped(name, at) };
    if random.chance(65) {
        making.claims.put_first(&spelling, value);
    } else {
        making.claims.put_last(&spelling, value);
    }
}

const OTHER_ISSUERS: [&str; 13] = [
    r#""https://issuer.example""#,
    r#""https://issuer.example//""#,
    r#""https://ISSUER.example/""#,
    r#""http://issuer.example/""#,
    r#""https://issuer.example/ ""#,
    r#""https://issuer.example/\u0000""#,
    r#""https://evil.example/#https://issuer.example/""#,
    r#""https://issuer.еxample/""#,
    r#"["@"]"#,
    r#"{"@":"@"}"#,
    r#""""#,
    "null",
    "0",
];
const OTHER_AUDIENCES: [&str; 13] = [
    r#""https://orders.example""#,
    r#""HTTPS://orders.example/""#,
    r#""@ ""#,
    r#""@ other""#,
    r#""other""#,
    r#"["other"]"#,
    r#"["@ "]"#,
    r#"[["@"]]"#,
    "[]",
    r#"{"0":"@"}"#,
    r#""""#,
    "null",
    "1",
];
const NO_NUMBERS: [&str; 9] = [
    r#""1700000100""#,
    "null",
    "true",
    "[]",
    "[1700000100]",
    "{}",
    r#""""#,
    r#""Infinity""#,
    r#"{"value":1}"#,
];
const NO_ACTORS: [&str; 11] = [
    "null",
    "{}",
    r#""svc-1""#,
    r#"[{"sub":"a"}]"#,
    r#"{"sub":""}"#,
    r#"{"sub":1}"#,
    r#"{"sub":"a","act":{}}"#,
    r#"{"sub":"a","act":{"client_id":"b","act":{"sub":""}}}"#,
    r#"{"sub":"a","act":null}"#,
    r#"{"client_id":"a"}"#,
    r#"{"client_id":["a"]}"#,
];
const CONFIRMATIONS: [&str; 5] = [
    r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
    r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#,
    r#"{"kid":"x"}"#,
    "{}",
    "null",
];
