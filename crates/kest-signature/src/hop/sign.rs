//! Signs one attempt of a request with the key that signed the tip.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use kest_core::passport::Tips;
use kest_core::signature::{Signature, SignatureCheck, SigningKey};
use kest_core::{Clock, Limits, Random};
use sfv::KeyRef;

use super::{KEST_TIP, TAG};
use crate::profile::{self, Algorithm};
use crate::{Authority, ContentDigest, Fault, RequestHead, SignError, fields};

/// Signs the request of `head` and `headers` as one that carries the passport of `tips`.
///
/// Writes `kest-tip`, `content-digest` where `body` has one, and one member of `signature-input` and `signature`; those of
/// an earlier attempt are taken out, signatures with other tags stay. Sign last: a covered header must not change any more.
/// `body` is `None` only for a request without a body.
///
/// Every call draws a new nonce, so sign each attempt: a request that is sent again as it is is refused as a replay.
///
/// # Errors
///
/// [`SignError`]; the request must not be sent then, since its headers may be half written.
pub async fn sign(
    head: &RequestHead<'_>,
    headers: &mut HeaderMap,
    tips: &Tips,
    body: Option<&ContentDigest>,
    key: &dyn SigningKey,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<(), SignError> {
    if tips.as_slice().is_empty() {
        return Err(Fault::NoTip.into());
    }
    let authority = Authority::of_outgoing(head, headers)?;
    fields::remove(headers, LABEL, TAG, &Limits::default())?;
    let tips = HeaderValue::from_str(&tips.to_string()).map_err(|_cause| Fault::TipMalformed)?;
    headers.insert(KEST_TIP, tips);
    profile::write_digest(headers, body)?;
    profile::check_single(headers, &[AUTHORIZATION])?;
    let parts = profile::components(&[KEST_TIP], headers);
    let input = profile::write(parts, key.key_id(), Algorithm::Ed25519, TAG, clock, random)?;
    let base = input.base(head, headers, &authority)?;
    let signature = checked_signature(key, base.as_bytes()).await?;
    fields::add(headers, LABEL, &input, signature.as_bytes())?;
    Ok(())
}

/// The signature of `key`, which is checked where the key is not in this process: such a holder may return anything.
pub(crate) async fn checked_signature(key: &dyn SigningKey, base: &[u8]) -> Result<Signature, SignError> {
    let signature = key.sign(base).await?;
    if key.signature_check() == SignatureCheck::InProcess || key.public_key().verifies(base, &signature) {
        Ok(signature)
    } else {
        Err(SignError::NotTheKeys)
    }
}

/// Under which label this writer signs. Readers go by the tag.
pub(super) const LABEL: &KeyRef = sfv::key_ref(TAG);
