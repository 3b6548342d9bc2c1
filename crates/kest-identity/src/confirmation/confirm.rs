//! Reads how a token is bound (the claim `cnf` of RFC 7800), and decides whether the request has what it asks for.

use std::fmt;
use std::sync::Arc;

use kest_core::{Confirmation, Credentials, Share};
use serde_json::Value;

use crate::bearer::Scheme;
use crate::dpop::{BoundToken, Proofs, Requirement};
use crate::mtls::check_certificate;

use super::{BindingError, WrongBinding};

/// A token that holds, and how it was presented.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'request> {
    /// The scheme of the `Authorization` header.
    pub(crate) scheme: Scheme,
    /// The token as it came.
    pub(crate) token: &'request str,
    /// Its claim `cnf`.
    pub(crate) confirmation: Option<&'request Value>,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Presented").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// How the tokens of one issuer are bound.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    dpop: Requirement,
    certificates: Requirement,
    proofs: Arc<Proofs>,
}

impl Binding {
    pub(crate) fn new(dpop: Requirement, certificates: Requirement, proofs: Arc<Proofs>) -> Self {
        Self { dpop, certificates, proofs }
    }

    /// Confirms at `unix_millis`, on the account of `share`, that `presented` comes from the party it was given to, and says by which key.
    pub(crate) async fn confirm(
        &self,
        presented: Presented<'_>,
        credentials: &Credentials<'_>,
        share: impl FnOnce() -> Option<Share>,
        unix_millis: u64,
    ) -> Result<Option<Confirmation>, BindingError> {
        let bound = Confirmations::read(presented.confirmation)?;
        check_use(self.dpop, bound.key)?;
        check_use(self.certificates, bound.certificate)?;
        check_scheme(presented.scheme, bound.key)?;
        check_certificate(bound.certificate, credentials.certificate())?;
        if let Some(key) = bound.key {
            // Keys are free to make; a name that an issuer vouches for is not.
            let share = share().unwrap_or_else(|| Share::of_key(key));
            let bound = BoundToken { token: presented.token, key, share };
            self.proofs.check(bound, credentials, unix_millis).await?;
        }
        Ok(bound.confirmed())
    }
}

fn check_use(requirement: Requirement, method: Option<&str>) -> Result<(), WrongBinding> {
    match (requirement, method) {
        (Requirement::Off, Some(_)) => Err(WrongBinding::NotUsedHere),
        (Requirement::Required, None) => Err(WrongBinding::MustBeBound),
        (Requirement::Off, None) | (Requirement::Optional, _) | (Requirement::Required, Some(_)) => Ok(()),
    }
}

/// RFC 9449 section 7.1: a bound token must not be used as a bearer token, nor a bearer token as a bound one.
fn check_scheme(scheme: Scheme, key: Option<&str>) -> Result<(), WrongBinding> {
    match (scheme, key) {
        (Scheme::Bearer, Some(_)) => Err(WrongBinding::Downgraded),
        (Scheme::Dpop, None) => Err(WrongBinding::NotBound),
        (Scheme::Bearer, None) | (Scheme::Dpop, Some(_)) => Ok(()),
    }
}

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
