//! Compact JWS of the authority: tokens and bundles.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::signature::SigningKey as _;
use serde_json::json;

use crate::error::Trouble;
use crate::keys::TokenKey;

/// RFC 7515 section 7.1, with `EdDSA` (RFC 8037 section 3.1).
pub(crate) async fn sign(key: &TokenKey, typ: &str, payload: &[u8]) -> Result<String, Trouble> {
    let header = json!({"alg": "EdDSA", "typ": typ, "kid": key.signer.key_id().as_str()}).to_string();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = key.signer.sign(input.as_bytes()).await.map_err(|cause| Trouble::Issue(cause.into()))?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes())))
}
