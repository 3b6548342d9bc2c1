//! Real tokens, read and changed by an attacker who has no key of their issuer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::client::encoded;

/// The header and the claims of `token`.
pub(crate) fn read(token: &str) -> [Value; 2] {
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    [parts[0], parts[1]].map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
}

/// `token` with one member of its header changed, under the same signature.
pub(crate) fn with_header(token: &str, name: &str, value: &str) -> String {
    let [mut header, claims] = read(token);
    header[name] = value.into();
    joined(&header, &claims, signature(token))
}

/// `token` with one claim changed, under the same signature.
pub(crate) fn with_claim(token: &str, name: &str, value: &str) -> String {
    let [header, mut claims] = read(token);
    claims[name] = value.into();
    joined(&header, &claims, signature(token))
}

/// The words of `token` under the signature of another one.
pub(crate) fn signed_as(token: &str, another: &str) -> String {
    let [header, claims] = read(token);
    joined(&header, &claims, signature(another))
}

fn joined(header: &Value, claims: &Value, signature: &str) -> String {
    let [header, claims] = [header, claims].map(|part| encoded(part.to_string().as_bytes()));
    format!("{header}.{claims}.{signature}")
}

fn signature(token: &str) -> &str {
    token.rsplit_once('.').unwrap().1
}
