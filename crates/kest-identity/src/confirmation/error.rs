//! Every reason for which the presenter of a token is not taken for the one it was given to.

use std::sync::Arc;

use kest_core::replay::ReplayStoreError;

/// A token that holds is not confirmed to be in the right hands.
///
/// No message and no cause repeats anything that the request contained. Log [`BindingError::kind`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// The proof of possession does not hold.
    #[error("proof of possession does not hold")]
    Proof(#[from] InvalidProof),
    /// The proof has no nonce of ours, or one that is too old. This is the one to use.
    #[error("proof of possession has no current nonce")]
    Nonce(Arc<str>),
    /// Another token, or another way to present it, is needed.
    #[error("token is not presented as it is bound")]
    Token(#[from] WrongBinding),
    /// The mechanism was not told what was asked for, so that no proof can be compared with it.
    #[error("target of the request is not known")]
    NoTarget,
    /// Whether the proof was used before cannot be told any more, as the store has lost its memory since it was made. A
    /// new one will do, with this nonce where nonces are asked for.
    #[error("proof of possession is older than the memory of used ones")]
    Forgotten(Option<Arc<str>>),
    /// The caller has used so many proofs that its part of the memory of used ones is full.
    #[error("caller has used up its share of the memory of used proofs")]
    ShareUsedUp,
    /// Whether the proof was used before cannot be told.
    #[error("proof of possession cannot be remembered")]
    Replays(#[source] ReplayStoreError),
}

/// A proof of possession does not hold: RFC 9449 section 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProof {
    /// No `DPoP` header came.
    #[error("no proof came")]
    Missing,
    /// More than one `DPoP` header came.
    #[error("more than one proof came")]
    Several,
    /// Longer than any proof needs to be.
    #[error("proof is over the limit")]
    TooLong,
    /// Not three parts of canonical base64url around two unambiguous JSON objects.
    #[error("proof is malformed")]
    Malformed,
    /// The header asks for an extension, which RFC 7515 section 4.1.11 says must then be understood.
    #[error("proof has a critical extension")]
    Extension,
    /// A claim that every proof has is missing or of another type.
    #[error("proof lacks a claim")]
    Claim,
    /// `typ` is not `dpop+jwt`.
    #[error("proof is of another type")]
    Type,
    /// `alg` is missing, symmetric, unknown, or not one that the settings allow.
    #[error("signature algorithm of the proof is not allowed")]
    Algorithm,
    /// `jwk` holds a private key, which protects nothing any more.
    #[error("proof reveals a private key")]
    PrivateKey,
    /// `jwk` is missing, or no public key that can be used with the algorithm.
    #[error("proof has no usable key")]
    Key,
    /// The signature is not by that key over these bytes.
    #[error("signature of the proof does not hold")]
    Signature,
    /// `htm` is another method.
    #[error("proof is for another method")]
    Method,
    /// `htu` is another address, or none.
    #[error("proof is for another address")]
    Address,
    /// `iat` is too long ago.
    #[error("proof is too old")]
    Stale,
    /// `iat` has not come yet.
    #[error("proof is from the future")]
    Future,
    /// `ath` is of another token.
    #[error("proof is for another token")]
    AnotherToken,
    /// The token is bound to another key.
    #[error("proof is by another key")]
    AnotherKey,
    /// The proof was used before.
    #[error("proof was used before")]
    Replayed,
}

/// A token is not presented as it is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WrongBinding {
    /// `cnf` is no object, names no method, or has a value of another type.
    #[error("confirmation of the token is malformed")]
    Malformed,
    /// `cnf` names a method that is not understood: ignoring it would let a thief of the token in.
    #[error("token is bound in an unknown way")]
    UnknownMethod,
    /// The token is bound in a way that is off for its issuer.
    #[error("token is bound in a way that is not used here")]
    NotUsedHere,
    /// RFC 9449 section 7.1: a token that is bound to a key was presented without a proof.
    #[error("bound token is presented as a bearer token")]
    Downgraded,
    /// A bearer token was presented with the scheme of bound ones.
    #[error("token that is not bound is presented as a bound one")]
    NotBound,
    /// The issuer's tokens must be bound, and this one is not.
    #[error("token is not bound as it must be")]
    MustBeBound,
    /// The token is bound to a certificate, and the connection has none.
    #[error("token is bound to a certificate and none came")]
    NoCertificate,
    /// The token is bound to another certificate.
    #[error("token is bound to another certificate")]
    AnotherCertificate,
}

impl BindingError {
    /// A name of the case for logs and metrics, which holds nothing that the request contained.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Proof(invalid) => invalid.kind(),
            Self::Nonce(_) => "proof_nonce",
            Self::Token(wrong) => wrong.kind(),
            Self::NoTarget => "no_target",
            Self::Forgotten(_) => "proof_forgotten",
            Self::ShareUsedUp => "proof_share_used_up",
            Self::Replays(_) => "replay_store",
        }
    }
}

impl InvalidProof {
    /// A name of the case for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "no_proof",
            Self::Several => "several_proofs",
            Self::TooLong => "proof_too_long",
            Self::Malformed => "proof_malformed",
            Self::Extension => "proof_extension",
            Self::Claim => "proof_claim",
            Self::Type => "proof_type",
            Self::Algorithm => "proof_algorithm",
            Self::PrivateKey => "proof_private_key",
            Self::Key => "proof_key",
            Self::Signature => "proof_signature",
            Self::Method => "proof_method",
            Self::Address => "proof_address",
            Self::Stale => "proof_stale",
            Self::Future => "proof_future",
            Self::AnotherToken => "proof_other_token",
            Self::AnotherKey => "proof_other_key",
            Self::Replayed => "proof_replayed",
        }
    }
}

impl WrongBinding {
    /// A name of the case for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed => "confirmation_malformed",
            Self::UnknownMethod => "confirmation_unknown",
            Self::NotUsedHere => "confirmation_off",
            Self::Downgraded => "bound_as_bearer",
            Self::NotBound => "not_bound",
            Self::MustBeBound => "must_be_bound",
            Self::NoCertificate => "no_certificate",
            Self::AnotherCertificate => "other_certificate",
        }
    }
}
