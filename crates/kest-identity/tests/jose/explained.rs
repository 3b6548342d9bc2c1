//! Every difference that may be there, with its reason; the page of decisions has the same table.

use serde_json::Value;

use crate::case::Case;

/// Who refuses what the other accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuser {
    Kest,
    Jose,
}

/// A difference that is meant.
pub(crate) struct Explained {
    pub(crate) name: &'static str,
    pub(crate) refuser: Refuser,
    /// The kinds of the error that the refusing side has, or how they begin.
    kinds: &'static [&'static str],
    /// Whether the token really has what it is refused for.
    holds: fn(&Case) -> bool,
    pub(crate) reason: &'static str,
}

impl Explained {
    pub(crate) fn explains(&self, case: &Case, refuser: Refuser, kind: &str) -> bool {
        self.refuser == refuser
            && self.kinds.iter().any(|known| kind.starts_with(known))
            && (self.holds)(case)
    }
}

const fn stricter(
    name: &'static str,
    kinds: &'static [&'static str],
    holds: fn(&Case) -> bool,
    reason: &'static str,
) -> Explained {
    Explained { name, refuser: Refuser::Kest, kinds, holds, reason }
}

pub(crate) const EXPLAINED: &[Explained] = &[
    stricter(
        "padding, blanks or line breaks in a part",
        &["not_compact"],
        Case::leaves_the_alphabet,
        "RFC 7515 section 2: base64url without padding, line breaks, blanks or any other character. Node's decoder skips them",
    ),
    stricter(
        "bits behind the last byte of a part",
        &["malformed", "signature"],
        Case::has_trailing_bits,
        "RFC 4648 section 3.5: they may be refused; otherwise one token has many spellings",
    ),
    stricter(
        "byte order mark",
        &["malformed"],
        |case| case.text(0).starts_with('\u{feff}') || case.text(1).starts_with('\u{feff}'),
        "RFC 8259 section 8.1: must not be written, may be ignored",
    ),
    stricter(
        "member twice",
        &["malformed"],
        Case::has_doubled_members,
        "RFC 7515 section 4 and RFC 7519 section 4: refused, or else the last one counts; two readers would differ",
    ),
    stricter(
        "number over every double",
        &["malformed"],
        |case| overflows(&case.text(0)) || overflows(&case.text(1)),
        "RFC 8259 section 6: others read infinity or nothing; as `exp` it never ends",
    ),
    stricter(
        "half a surrogate pair",
        &["malformed"],
        |case| case.was_changed_by("surrogate stands alone"),
        "RFC 8259 section 8.2 and RFC 7493 section 2.1: no character, and unpredictable in a name",
    ),
    stricter(
        "deeper than `Limits::json_depth`",
        &["malformed"],
        |case| depth(&case.text(0)).max(depth(&case.text(1))) > 16,
        "RFC 8259 section 9 allows the limit: no stranger chooses the size of our stack",
    ),
    stricter(
        "longer than `Limits::token_bytes`",
        &["too_long"],
        |case| case.token.len() > 16 * 1024,
        "RFC 6750 names no length; what is not verified yet must cost little",
    ),
    stricter(
        "`b64`, critical or not",
        &["extension"],
        |case| case.header().get("b64").is_some(),
        "RFC 7797 section 6: it must be critical; section 7: never false in a JWT, and left out when true; RFC 7515 section 4.1.11: what is critical and not understood is refused",
    ),
    stricter(
        "header with a key or a place to fetch one",
        &["own_key"],
        |case| ["jwk", "jku", "x5c", "x5u"].iter().any(|name| case.header().get(*name).is_some()),
        "RFC 8725 section 3.10: such members are not to be followed; they are written for readers who do",
    ),
    stricter(
        "no `kid`",
        &["no_key_id"],
        |case| case.header().get("kid").is_none(),
        "RFC 7515 section 4.1.4 leaves it open; a key is named, never found by trying",
    ),
    stricter(
        "empty `kid`",
        &["no_key_id"],
        |case| key_id(case).is_empty(),
        "RFC 7517 section 4.5: a name that says nothing, as if there were none",
    ),
    stricter(
        "RSA key with an exponent under 65537",
        &["unknown_key"],
        |case| ["rsa-exponent-one", "rsa-three"].contains(&&*key_id(case)),
        "FIPS 186-5 section A.1.1: over 2^16; with 1, anybody can sign. RFC 8725 section 3.4",
    ),
    stricter(
        "Ed25519 key of small order",
        &["unknown_key"],
        |case| key_id(case) == "ed-neutral",
        "RFC 8725 section 3.4: keys are checked; under this one, anybody can sign",
    ),
    stricter(
        "coordinate longer than its field",
        &["unknown_key"],
        |case| key_id(case) == "ec-long-x",
        "RFC 7518 section 6.2.1.2: exactly as long as the field",
    ),
    stricter(
        "padding in a published key",
        &["unknown_key"],
        |case| key_id(case) == "ed-padded-x",
        "RFC 7518 section 6 and RFC 7515 section 2: base64url without padding",
    ),
    stricter(
        "member of a published key twice",
        &["unknown_key"],
        |case| key_id(case) == "ed-member-twice",
        "RFC 7517 section 4: refused, or else the last one counts; two readers would differ",
    ),
    stricter(
        "`aud` with members that are no strings",
        &["claim"],
        |case| case.claims()["aud"].as_array().is_some_and(|names| !names.iter().all(Value::is_string)),
        "RFC 7519 section 4.1.3: an array of strings",
    ),
    stricter(
        "time before 1970 or after 9999",
        &["claim"],
        |case| TIMES.iter().any(|name| number(case, name).is_some_and(|it| !(0.0..=LATEST).contains(&it))),
        "RFC 7519 section 2: seconds since 1970; beyond are milliseconds, or attempts to overflow a reader",
    ),
    stricter(
        "`iat` in the future",
        &["issued_in_future"],
        |case| number(case, "iat").is_some_and(|issued| issued > 1_700_000_005.0),
        "RFC 7519 section 4.1.6 asks for no check; the clock of such an issuer is wrong, or its key is in other hands",
    ),
    stricter(
        "life over 24 hours",
        &["lives_too_long"],
        |case| {
            let begin = number(case, "iat").unwrap_or(1_700_000_005.0);
            number(case, "exp").is_some_and(|expiry| expiry - begin > 86_400.0)
        },
        "RFC 6750 section 5.3: tokens should be short-lived, since a stolen one is good until its `exp`",
    ),
    stricter(
        "`sub` that is empty or no string",
        &["no_user"],
        |case| case.claims()["sub"].as_str().is_none_or(str::is_empty),
        "RFC 7519 section 4.1.2: a string; an empty one names no one",
    ),
    stricter(
        "`client_id` or `act` of another type",
        &["claim"],
        has_ill_typed_claim,
        "RFC 8693 sections 4.1 and 4.3: policies read them, so they must be what they should be; a scope or role of another type grants nothing",
    ),
    stricter(
        "`act` with over eight actors",
        &["claim"],
        |case| case.text(1).matches(r#""act":{"#).count() > 8,
        "RFC 8693 section 4.1 names no limit; `Limits::token_actors` does",
    ),
    stricter(
        "ID token",
        &["id_token"],
        |case| ["nonce", "at_hash", "c_hash"].iter().any(|name| case.claims().get(*name).is_some()),
        "RFC 8725 section 3.12: the rules for the kinds of JWT must exclude each other",
    ),
    stricter(
        "security event",
        &["type"],
        |case| case.claims().get("events").is_some(),
        "RFC 8725 section 3.12 and RFC 8417 section 2.2: the same, for logout tokens and their like",
    ),
    stricter(
        "token bound to a key",
        &["confirmation_malformed", "confirmation_unknown", "confirmation_off"],
        |case| case.claims().get("cnf").is_some(),
        "RFC 7800 section 3.1, RFC 9449 section 7.1: a reader that does not check the binding must not ignore it",
    ),
    Explained {
        name: "key that is listed twice",
        refuser: Refuser::Jose,
        kinds: &["ERR_JWKS_MULTIPLE_MATCHING_KEYS"],
        holds: |case| key_id(case) == "of-one-key",
        reason: "RFC 7517 section 4.5: different keys should have different names; one key under one name is one, however often it is listed",
    },
    Explained {
        name: "blanks before the token",
        refuser: Refuser::Jose,
        kinds: &["ERR_JWS_SIGNATURE_VERIFICATION_FAILED"],
        holds: |case| case.token.starts_with(' '),
        reason: "RFC 9110 section 11.4: the blanks behind the scheme are those of the header; `jose` is given the rest of it",
    },
    Explained {
        name: "public key with the operation `sign`",
        refuser: Refuser::Jose,
        kinds: &["SyntaxError"],
        holds: |case| key_id(case) == "ec-sign-too",
        reason: "RFC 7517 section 4.3 names `sign` with `verify` as operations that go together, and with the public part only one of them can be done; `jose` hands both to WebCrypto, which has no public key for signing",
    },
];

const TIMES: [&str; 3] = ["exp", "nbf", "iat"];
const LATEST: f64 = 253_402_300_799.0;

fn key_id(case: &Case) -> String {
    case.header()["kid"].as_str().unwrap_or("none").to_owned()
}

fn number(case: &Case, name: &str) -> Option<f64> {
    case.claims()[name].as_f64()
}

/// Whether some number in the text cannot be read as one.
fn overflows(text: &str) -> bool {
    let numbers = text.split(|each: char| !matches!(each, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
    numbers.filter_map(|number| number.parse::<f64>().ok()).any(f64::is_infinite)
}

/// How deep arrays and objects are nested, at most.
fn depth(text: &str) -> i32 {
    let step = |each| i32::from(matches!(each, '[' | '{')) - i32::from(matches!(each, ']' | '}'));
    let depths = text.chars().scan(0, |depth, each| {
        *depth += step(each);
        Some(*depth)
    });
    depths.max().unwrap_or_default()
}

fn has_ill_typed_claim(case: &Case) -> bool {
    let claims = case.claims();
    let says = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let client = |name| matches!(claims.get(name), Some(value) if !(value.is_string() || value.is_null()));
    let mut actor = claims.get("act");
    let mut actors_are_well = actor.is_none_or(|it| says(it.get("sub").unwrap_or(&it["client_id"])));
    while let Some(it) = actor {
        actors_are_well &= it.is_object();
        actor = it.get("act");
    }
    client("client_id") || client("azp") || !actors_are_well
}
