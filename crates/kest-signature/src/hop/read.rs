//! The cheap half of the receiver: whether there is a proof, and whether it has the one accepted form.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use kest_core::Limits;
use kest_core::passport::Tips;
use kest_core::signature::{KeyId, Signature};

use super::{HopError, KEST_TIP, TAG};
use crate::digest::{ContentDigest, ExpectedBody};
use crate::profile::{self, Algorithm, Form, Moment};
use crate::{Authority, Fault, RequestHead, fields};

/// A proof of the right form. Nothing in it is believed before [`verify`](Self::verify).
#[derive(Debug)]
#[must_use = "a proof that is not verified proves nothing"]
pub struct UnverifiedHop {
    pub(super) base: String,
    pub(super) signature: Signature,
    pub(super) key_id: KeyId,
    pub(super) nonce: String,
    pub(super) moment: Moment,
    pub(super) tips: Tips,
    pub(super) authority: Authority,
    pub(super) body: ExpectedBody,
}

impl UnverifiedHop {
    /// The key that the proof names, to find it before the proof is verified.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }
}

/// Reads the proof of a request; `None` where no signature has the tag. Signatures with other tags are nothing to it.
///
/// # Errors
///
/// [`HopError::Invalid`] when there is one and it does not have the one accepted form.
pub fn read(
    head: &RequestHead<'_>,
    headers: &HeaderMap,
    limits: &Limits,
) -> Result<Option<UnverifiedHop>, HopError> {
    let Some((input, signature)) = fields::find(headers, TAG, limits)? else { return Ok(None) };
    profile::check_components(&input, &[KEST_TIP], headers)?;
    profile::check_single(headers, &[KEST_TIP, AUTHORIZATION])?;
    let form = Form::of(&input, limits)?;
    if form.algorithm != Algorithm::Ed25519 {
        return Err(Fault::Algorithm.into());
    }
    let signature: [u8; 64] = signature.try_into().map_err(|_length| Fault::SignatureAbsent)?;
    let tips = headers.get(KEST_TIP).and_then(|line| line.to_str().ok()).ok_or(Fault::TipMalformed)?;
    let tips = Tips::parse(tips, limits).map_err(|_cause| Fault::TipMalformed)?;
    let authority = Authority::of_incoming(head, headers)?;
    let base = input.base(head, headers, &authority)?;
    let body = ContentDigest::read(headers)?.map_or(ExpectedBody::Empty, ExpectedBody::Digest);
    Ok(Some(UnverifiedHop {
        base,
        signature: Signature::from_bytes(signature),
        key_id: form.key_id,
        nonce: form.nonce,
        moment: form.moment,
        tips,
        authority,
        body,
    }))
}
