//! Why an authority does not do what it is asked.

use kest_core::{AuthenticateError, BoxError, RandomError};
use kest_identity::SpiffeId;
use kest_workload::protocol::{EntryKeyError, ProofError};

use crate::certificate::{IssueError, RequestError};
use crate::keys::KeysError;
use crate::store::{Alarm, StoreError};

/// What is wrong with a request itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFault {
    /// A member is longer than any that is well formed.
    #[error("member of the request is too long")]
    TooLong,
    /// The certificate request cannot be read.
    #[error("certificate request is malformed")]
    CertificateRequest,
    /// Its key is neither P-256 nor Ed25519.
    #[error("certificate request has a key of another kind")]
    CertificateKey,
    /// Its signature does not hold.
    #[error("certificate request is not signed by its key")]
    CertificateSignature,
    /// The entry key cannot sign entries.
    #[error(transparent)]
    EntryKey(EntryKeyError),
    /// A proof does not hold.
    #[error(transparent)]
    Proof(ProofError),
    /// A proof was signed too long ago, or later than now.
    #[error("proof is of another time")]
    ProofTime,
    /// A proof was signed for another authority, certificate request, key or ticket.
    #[error("proof is for another request")]
    ProofPurpose,
    /// A proof came without its key, or a key without its proof.
    #[error("proof or its key is missing")]
    ProofMissing,
}

impl RequestFault {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::CertificateRequest => "csr_malformed",
            Self::CertificateKey => "csr_key",
            Self::CertificateSignature => "csr_signature",
            Self::EntryKey(_) => "entry_key",
            Self::Proof(_) => "proof",
            Self::ProofTime => "proof_time",
            Self::ProofPurpose => "proof_purpose",
            Self::ProofMissing => "proof_missing",
        }
    }
}

impl From<RequestError> for RequestFault {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Malformed => Self::CertificateRequest,
            RequestError::Algorithm => Self::CertificateKey,
            RequestError::Signature => Self::CertificateSignature,
        }
    }
}

/// The authority cannot: the request may be good, and may be tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys in their folder.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There is no randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A certificate, a bundle or a token cannot be made.
    #[error("cannot be issued")]
    Issue(#[source] BoxError),
    /// The issuer of a token is away.
    #[error("issuer of the token is out of reach")]
    TokenIssuer(#[source] BoxError),
}

impl Trouble {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Keys(_) => "keys",
            Self::Random(_) => "random",
            Self::Issue(_) => "issue",
            Self::TokenIssuer(_) => "token_issuer",
        }
    }
}

impl From<IssueError> for Trouble {
    fn from(error: IssueError) -> Self {
        Self::Issue(error.into())
    }
}

/// A ticket was not given out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The identity is of another trust domain.
    #[error("identity is of another trust domain")]
    OtherTrustDomain,
    /// The identity is the authority's own.
    #[error("identity is the authority's own")]
    Reserved,
    /// It would be good for longer than a day, or for no time.
    #[error("ticket lives for no time, or for over a day")]
    Life,
    /// The authority cannot.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// An enrolment was refused, or the authority cannot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The request itself is wrong.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// There is neither a ticket nor a token, or both.
    #[error("not one of ticket and token")]
    Evidence,
    /// There is no such ticket.
    #[error("no such ticket")]
    NoTicket,
    /// The ticket was over.
    #[error("ticket was over: {0}")]
    TicketExpired(SpiffeId),
    /// The ticket was used before: one of the two users stole it.
    #[error("ticket was used before: {}", .0.identity)]
    TicketUsed(Alarm),
    /// The token is not one of an issuer that is trusted.
    #[error("token is not believed")]
    Token(#[source] AuthenticateError),
    /// The token is good and gives no identity here.
    #[error("token gives no identity")]
    TokenUnmapped,
    /// The identity is alive.
    #[error("identity is alive: {0}")]
    Alive(SpiffeId),
    /// The entry key is or was another's.
    #[error("entry key is or was another's")]
    KeyTaken,
    /// The authority cannot.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl EnrolError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(fault) => fault.kind(),
            Self::Evidence => "evidence",
            Self::NoTicket => "no_ticket",
            Self::TicketExpired(_) => "ticket_expired",
            Self::TicketUsed(_) => "ticket_used",
            Self::Token(_) => "token",
            Self::TokenUnmapped => "token_unmapped",
            Self::Alive(_) => "alive",
            Self::KeyTaken => "key_taken",
            Self::Trouble(trouble) => trouble.kind(),
        }
    }
}

/// A renewal was refused, or the authority cannot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenewError {
    /// The request itself is wrong.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// The identity of the connection has no place here any more.
    #[error(transparent)]
    Peer(#[from] PeerFault),
    /// The entry key is or was another's.
    #[error("entry key is or was another's")]
    KeyTaken,
    /// The identity has as many entry keys as it may have.
    #[error("identity has too many entry keys")]
    TooManyKeys,
    /// The authority cannot.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl RenewError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(fault) => fault.kind(),
            Self::Peer(fault) => fault.kind(),
            Self::KeyTaken => "key_taken",
            Self::TooManyKeys => "too_many_keys",
            Self::Trouble(trouble) => trouble.kind(),
        }
    }
}

/// Why the identity of a connection counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerFault {
    /// Its certificate has no epoch.
    #[error("certificate has no epoch")]
    NoEpoch,
    /// It was never enrolled.
    #[error("identity is not known")]
    Unknown,
    /// Its epoch was revoked, or another one has begun.
    #[error("epoch is void")]
    Void,
    /// Its last certificate is over.
    #[error("identity is not alive")]
    NotAlive,
}

impl PeerFault {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::NoEpoch => "no_epoch",
            Self::Unknown => "unknown",
            Self::Void => "void",
            Self::NotAlive => "not_alive",
        }
    }
}

/// A token was refused, or the authority cannot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The identity of the connection has no place here any more.
    #[error(transparent)]
    Peer(#[from] PeerFault),
    /// The audience is empty, too long, or not text of a line.
    #[error("audience is not one")]
    Audience,
    /// The scope is not one of RFC 6749 section 3.3, or is too long.
    #[error("scope is not one")]
    Scope,
    /// The identity may not have this audience or scope.
    #[error("audience or scope is not granted")]
    NotGranted,
    /// The authority cannot.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl TokenError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Peer(fault) => fault.kind(),
            Self::Audience => "audience",
            Self::Scope => "scope",
            Self::NotGranted => "not_granted",
            Self::Trouble(trouble) => trouble.kind(),
        }
    }
}

/// An authority was not begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A certificate lives for no time, or for over a day.
    #[error("certificates live for no time, or for over a day")]
    CertificateLife,
    /// A token lives for no time, or for over an hour.
    #[error("tokens live for no time, or for over an hour")]
    TokenLife,
    /// The authority cannot.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}
