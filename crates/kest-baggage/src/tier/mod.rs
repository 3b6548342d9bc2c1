//! The three ways in which a passport travels, smallest first.

pub(crate) mod claim_check;
pub(crate) mod compressed;
pub(crate) mod inline;

use std::fmt;

/// How a passport travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has three, and a fourth must be decided about everywhere"
)]
pub enum Tier {
    /// The JSON array itself, percent-encoded.
    Inline,
    /// The JSON array through zlib and base64url.
    Compressed,
    /// A ticket for a JSON array that lies in a passport store.
    ClaimCheck,
}

impl Tier {
    /// The spelling for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Compressed => "compressed",
            Self::ClaimCheck => "claim_check",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
