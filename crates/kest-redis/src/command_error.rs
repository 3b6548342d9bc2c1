//! Why a command has no answer that can be used.

use std::sync::Arc;

use kest_core::BoxError;

use crate::ConnectError;

/// A command has no answer that can be used; the cause inside the errors of the stores.
///
/// No text of the server is kept but its code: the rest may quote keys, which are secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no connection at the moment; why the last attempt to have one failed.
    #[error("no connection to the server")]
    Away(#[source] Arc<ConnectError>),
    /// As many commands as allowed are under way, and none ended while this one waited.
    #[error("too many commands are under way")]
    Busy,
    /// There was no answer within [`crate::RedisBuilder::command_timeout`]. The command may have been carried out.
    #[error("server did not answer in time")]
    TimedOut,
    /// The connection broke before the answer came. The command may have been carried out.
    #[error("connection broke before the answer")]
    Lost(#[source] BoxError),
    /// The server refused the command, with this code: `READONLY`, say, or `WRONGTYPE`.
    #[error("server refused the command: {0}")]
    Refused(String),
    /// The server answered what this command is never answered.
    #[error("server gave an unreadable answer")]
    UnexpectedReply,
    /// The value is longer than [`crate::RedisBuilder::value_bytes`], and was not read.
    #[error("value is over {0} bytes")]
    TooLarge(usize),
    /// There is a claim of this name already; it was left as it is.
    #[error("claim exists already")]
    Taken,
}

impl CommandError {
    /// The code of the server's refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(code) => Some(code),
            Self::Away(_) | Self::Busy | Self::TimedOut | Self::Lost(_) => None,
            Self::UnexpectedReply | Self::TooLarge(_) | Self::Taken => None,
        }
    }

    /// A word for it, for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Away(_) => "away",
            Self::Busy => "busy",
            Self::TimedOut => "timed_out",
            Self::Lost(_) => "lost",
            Self::Refused(_) => "refused",
            Self::UnexpectedReply | Self::TooLarge(_) | Self::Taken => "unusable",
        }
    }
}
