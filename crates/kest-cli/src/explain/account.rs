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

/// Where a service stops that refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// The step that refuses.
    pub(crate) at: Stage,
    /// All steps before this one were done: what is wrong with a proof may be seen before a token is looked at.
    pub(crate) done_before: Stage,
}

/// Where a service stops that refuses with `rejection`; `reading` says what of the headers could not be read.
pub(crate) fn stop_of(rejection: &Rejection, reading: Reading) -> Stop {
    // By name, since a service may refuse for reasons that this program does not meet.
    let kind = rejection.kind().as_str();
    let at = match kind {
        "baggage_malformed" | "baggage_too_large" => match reading {
            Reading::BaggageFailed => Stage::Read,
            Reading::Done | Reading::ProofFailed => Stage::Restore,
        },
        "passport_refused" | "passport_missing" => Stage::Presence,
        "credentials_missing" | "credentials_invalid" | "identity_unavailable" => Stage::Token,
        "claim_check_gone" | "passport_store_unavailable" => Stage::Restore,
        "passport_invalid" | "keys_unavailable" => Stage::Verify,
        "passport_stale" => Stage::Age,
        "proof_missing" | "proof_invalid" | "proof_replayed" | "proof_unavailable" | "body_too_large" => {
            Stage::HopProof
        }
        _ => Stage::Caller,
    };
    let cause = rejection.cause().unwrap_or_default();
    let done_before = if at != Stage::HopProof {
        at
    } else if kind == "proof_missing" || cause == "passport_missing" || reading == Reading::ProofFailed {
        Stage::Token
    } else if kind == "body_too_large" || cause.starts_with("body_") {
        // The body comes last, when the caller is known.
        Stage::HopProof
    } else {
        Stage::Caller
    };
    Stop { at, done_before }
}

/// Whether the headers could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Done,
    BaggageFailed,
    /// There is a hop proof, and it does not have the one form.
    ProofFailed,
}
