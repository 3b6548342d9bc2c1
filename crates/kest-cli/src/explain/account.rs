//! The steps that a request takes before a service's handlers, and how far one came.

use kest_tower::Rejection;

/// A step, in the order in which a service takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Read,
    Presence,
    Token,
    Restore,
    Verify,
    Age,
    Caller,
    HopProof,
}

impl Stage {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 8] = [
        Self::Read,
        Self::Presence,
        Self::Token,
        Self::Restore,
        Self::Verify,
        Self::Age,
        Self::Caller,
        Self::HopProof,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Presence => "presence",
            Self::Token => "token",
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Age => "age",
            Self::Caller => "caller",
            Self::HopProof => "hop_proof",
        }
    }

    /// What it asks.
    pub(crate) fn question(self) -> &'static str {
        match self {
            Self::Read => "can the baggage header be read",
            Self::Presence => "is a passport there, or not there, as the service wants it",
            Self::Token => "does the bearer token hold",
            Self::Restore => "is the passport well formed and within limits",
            Self::Verify => "do all signatures, links, scores and taints hold under the bundle",
            Self::Age => "is the passport young enough",
            Self::Caller => "who is calling",
            Self::HopProof => "did the last signer make this very request",
        }
    }
}

/// Where a service stops that refuses with `rejection`; `reading` says whether the header itself could not be read.
pub(crate) fn stage_of(rejection: &Rejection, reading: Reading) -> Stage {
    // By name, since a service may refuse for reasons that this program does not meet.
    match rejection.kind().as_str() {
        "baggage_malformed" | "baggage_too_large" => match reading {
            Reading::Failed => Stage::Read,
            Reading::Done => Stage::Restore,
        },
        "passport_refused" | "passport_missing" => Stage::Presence,
        "credentials_missing" | "credentials_invalid" | "identity_unavailable" => Stage::Token,
        "claim_check_gone" | "passport_store_unavailable" => Stage::Restore,
        "passport_invalid" | "keys_unavailable" => Stage::Verify,
        "passport_stale" => Stage::Age,
        _ => Stage::Caller,
    }
}

/// Whether the header could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Done,
    Failed,
}
