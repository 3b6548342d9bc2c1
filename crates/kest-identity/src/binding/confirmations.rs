//! Reads how a token is bound: the claim `cnf` of RFC 7800.

use kest_core::Confirmation;
use serde_json::Value;

use super::WrongBinding;

/// The methods by which a token wants to be confirmed. Each one that is there must hold.
#[derive(Clone, Copy)]
pub(super) struct Confirmations<'token> {
    pub(super) key: Option<&'token str>,
    pub(super) certificate: Option<&'token str>,
}

impl<'token> Confirmations<'token> {
    /// Reads the value of `cnf`, if there is one.
    pub(super) fn read(claim: Option<&'token Value>) -> Result<Self, WrongBinding> {
        let mut read = Self { key: None, certificate: None };
        let Some(claim) = claim else { return Ok(read) };
        let methods = claim.as_object().ok_or(WrongBinding::Malformed)?;
        for (name, value) in methods {
            let method = match name.as_str() {
                "jkt" => &mut read.key,
                "x5t#S256" => &mut read.certificate,
                // RFC 7800 section 3.1 leaves it to the application which methods it asks for: an unknown one that is
                // ignored does not bind.
                _ => return Err(WrongBinding::UnknownMethod),
            };
            *method = Some(value.as_str().ok_or(WrongBinding::Malformed)?);
        }
        if methods.is_empty() { Err(WrongBinding::Malformed) } else { Ok(read) }
    }

    /// What was confirmed, once it was: the key where there are both.
    pub(super) fn confirmed(self) -> Option<Confirmation> {
        let certificate = || self.certificate.map(|it| Confirmation::CertificateThumbprint(it.into()));
        self.key.map(|key| Confirmation::Jkt(key.into())).or_else(certificate)
    }
}
