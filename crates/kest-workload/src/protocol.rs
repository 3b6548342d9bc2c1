//! What a service and its authority say to each other: bodies of HTTP requests and answers, in JSON.
//!
//! | request | over | body | answer |
//! | --- | --- | --- | --- |
//! | `POST /v1/enrol` | the enrolment listener, the server's certificate only | [`EnrolRequest`] | [`Issued`] |
//! | `GET /v1/bundle` | either listener | none | the trust bundle: a JWK Set, or with `Accept: application/jose` the same as the payload of a JWS |
//! | `POST /v1/renew` | the workload listener, mutual TLS 1.3 | [`RenewRequest`] | [`Issued`] |
//! | `POST /v1/token` | the workload listener | [`TokenRequest`] | [`TokenAnswer`] |
//! | `GET /v1/jwks` | either listener | none | the keys of tokens: a JWK Set |
//!
//! Whatever is refused is answered with 403 and an empty body; the reason is in the authority's log. An authority that is
//! itself in trouble answers 503.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::proof::{EntryKeyError, ProofError};
pub use crate::ticket::{NotATicket, TicketText};

/// Asks for the first certificate of an identity.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// A ticket of the authority, for one identity, once. This or a token, and not both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// A token of an issuer that the authority trusts: a Kubernetes service account, a CI job, a SPIRE JWT-SVID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// A certificate request (PKCS #10, RFC 2986), DER in base64. Nothing of it but its public key is used.
    pub csr: String,
    /// The public key that entries are signed with: a JWK (RFC 8037) with `kid`.
    pub entry_key: EntryKey,
    /// A JWS of the entry key over [`Proof`], `typ` [`Proof::TYPE`].
    pub proof: String,
    /// An entry key that the identity has now, where it is alive and is to be succeeded. This and its proof, or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_key: Option<EntryKey>,
    /// The same proof by that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_proof: Option<String>,
}

/// Without the ticket and the token, which are secret.
impl fmt::Debug for EnrolRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EnrolRequest").field("entry_key", &self.entry_key.kid).finish_non_exhaustive()
    }
}

/// A public Ed25519 key as a JWK: RFC 8037 section 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The 32 bytes of the key, in base64url without padding.
    pub x: String,
    /// The name of the key: its thumbprint (RFC 7638).
    pub kid: String,
}

/// What a holder of a key signs to prove that it has it, for this very request at this very authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The trust domain of the authority, as a URI: `spiffe://example.org`.
    pub aud: String,
    /// When it was signed, seconds since 1970.
    pub iat: u64,
    /// SHA-256 of the DER of the certificate request, in base64url: the request and the key belong together.
    pub csr: String,
    /// SHA-256 of the text of the ticket or token, in base64url; empty in a renewal, where the certificate of the connection counts.
    pub evidence: String,
    /// The `kid` of the entry key that is asked for.
    pub entry_key: String,
}

/// Asks for the next certificate of the identity of the connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// A certificate request for a new key, DER in base64.
    pub csr: String,
    /// The next entry key, where it is to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_key: Option<EntryKey>,
    /// A JWS of that key over [`Proof`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// What was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The SPIFFE id.
    pub identity: String,
    /// Which enrolment of the identity this is.
    pub epoch: Epoch,
    /// The certificate and those between it and a root, DER in base64 (as `x5c`, RFC 7515 section 4.1.6), leaf first.
    pub certificate: Vec<String>,
    /// The trust bundle as a JWS of the authority.
    pub bundle: String,
    /// Where the workload listener is: `https://authority.internal:8444`.
    pub workload_url: String,
}

/// Asks for a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Who it is for.
    pub audience: String,
    /// What it is for, space-separated (RFC 6749 section 3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// A token: RFC 6749 section 5.1.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// A JWT of the authority, bound to the certificate of the connection (RFC 8705 section 3).
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds that it lives.
    pub expires_in: u64,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// A member of the trust bundle, `revocations`: whatever the identity had up to an epoch counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The SPIFFE id.
    pub identity: String,
    /// The last epoch that is void.
    pub epoch: Epoch,
}

/// Which enrolment of an identity something belongs to. A later one makes all earlier ones void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// That of the first enrolment.
    pub const FIRST: Self = Self(1);

    /// The epoch of that number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The extension of a certificate that holds its epoch, as an INTEGER: not critical, and in the arc of UUIDs (X.667), which
/// needs no registration.
pub const EPOCH_EXTENSION: &[u64] = &[2, 25, 0x6b65_7374_6570_6f63];

/// The path of the SPIFFE id that an authority's own certificates have, in its trust domain: `spiffe://example.org/kest/authority`.
///
/// It is what a service knows its authority by, since any workload of the domain has a certificate that ends in the same
/// root; so an authority gives this identity to itself alone, by no ticket and no token.
///
/// On the enrolment listener the chain that is presented ends with the root itself, so that a first contact finds the root
/// that its ticket names. On both, it may be used for server authentication.
pub const AUTHORITY_PATH: &str = "/kest/authority";
