//! What the table of refusals says about one kind: its meaning, its status over HTTP, its code over gRPC, its challenge.

use http::StatusCode;
use kest_core::refusal::Explanation;

/// What the table says about one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) explanation: Explanation,
    pub(crate) status: StatusCode,
    pub(crate) grpc: GrpcCode,
    /// RFC 9110 section 11.6.1 demands one for a 401.
    pub(crate) challenge: Option<&'static str>,
}

impl Row {
    pub(crate) fn of(explanation: Explanation, (status, grpc): (StatusCode, GrpcCode)) -> Self {
        Self { explanation, status, grpc, challenge: None }
    }

    pub(crate) fn challenging(self, challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..self }
    }
}

/// The codes of the gRPC core documentation, `doc/statuscodes.md`, that a refusal can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrpcCode {
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    Unimplemented,
    Internal,
    Unavailable,
    Unauthenticated,
}

impl GrpcCode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "3",
            Self::PermissionDenied => "7",
            Self::ResourceExhausted => "8",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
            Self::Unauthenticated => "16",
        }
    }
}
