//! Proof of possession by the client certificate of the connection (RFC 8705).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::PeerCertificate;

use crate::confirmation::WrongBinding;

/// RFC 8705 section 3: the certificate of this very connection, and no header that speaks of one.
pub(crate) fn check_certificate(
    bound_to: Option<&str>,
    peer: Option<&PeerCertificate>,
) -> Result<(), WrongBinding> {
    let Some(bound_to) = bound_to else { return Ok(()) };
    let peer = peer.ok_or(WrongBinding::NoCertificate)?;
    let thumbprint = URL_SAFE_NO_PAD.encode(peer.thumbprint());
    if are_same(&thumbprint, bound_to) { Ok(()) } else { Err(WrongBinding::AnotherCertificate) }
}

/// Whether both thumbprints are the same, in a time that depends on the lengths only: an attacker chooses one of them.
pub(crate) fn are_same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
