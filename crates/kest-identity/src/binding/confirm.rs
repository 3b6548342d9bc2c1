//! Decides what a token's confirmation asks for, and whether the request has it.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::{Confirmation, Credentials, PeerCertificate, Share};
use serde_json::Value;

use crate::bearer::Scheme;

use super::compare::are_same;
use super::confirmations::Confirmations;
use super::proofs::BoundToken;
use super::{BindingError, Proofs, Requirement, WrongBinding};

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

/// RFC 8705 section 3: the certificate of this very connection, and no header that speaks of one.
fn check_certificate(bound_to: Option<&str>, peer: Option<&PeerCertificate>) -> Result<(), WrongBinding> {
    let Some(bound_to) = bound_to else { return Ok(()) };
    let peer = peer.ok_or(WrongBinding::NoCertificate)?;
    let thumbprint = URL_SAFE_NO_PAD.encode(peer.thumbprint());
    if are_same(&thumbprint, bound_to) { Ok(()) } else { Err(WrongBinding::AnotherCertificate) }
}
