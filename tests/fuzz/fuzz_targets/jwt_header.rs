//! The header of a bearer token: the input as its JSON, as its base64url, and as a whole token.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::Limits;
use kest_identity::{TokenHeader, UnverifiedToken};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let encoded = URL_SAFE_NO_PAD.encode(input);
    let header = check(&encoded);
    let token = format!("{encoded}.e30.c2ln");
    let limits = Limits::default();
    let whole = UnverifiedToken::parse(&token, &limits).ok();
    if token.len() <= limits.token_bytes {
        assert_eq!(whole.map(|token| token.header().clone()), header);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    check(text);
    if let Ok(token) = UnverifiedToken::parse(text, &limits) {
        assert_eq!(text.split('.').count(), 3);
        assert_eq!(Some(token.header().clone()), text.split('.').next().and_then(check));
        // Nothing that a stranger sent is shown.
        let key_id = token.header().key_id().unwrap_or_default();
        assert!(key_id.len() < 24 || !format!("{token:?}").contains(key_id));
    }
});

/// What is accepted says one algorithm and at most one key, brings none along and asks for nothing more.
fn check(encoded: &str) -> Option<TokenHeader> {
    let header = TokenHeader::parse(encoded, &Limits::default()).ok()?;
    let json = URL_SAFE_NO_PAD.decode(encoded).expect("canonical base64url");
    let members: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(members["alg"], header.algorithm().as_str());
    assert_eq!(members.get("kid").and_then(Value::as_str), header.key_id());
    assert!(header.key_id().is_none_or(|key_id| !key_id.is_empty()));
    for name in ["crit", "b64", "jwk", "jku", "x5u", "x5c"] {
        assert!(members.get(name).is_none(), "{name}");
    }
    Some(header)
}
