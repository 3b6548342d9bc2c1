//! Why there is no answer, sorted by who must act.

use std::error::Error;

use crate::BoxError;
use crate::coding::Coding;
use crate::lookup::LeadsToPrivateAddress;

/// There is no answer to go by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No connection, no trust in the certificate, or the connection broke: a later question may be answered.
    #[error("server is out of reach")]
    Unreachable(#[source] BoxError),
    /// No complete answer in the time of the client: a later question may be answered.
    #[error("server did not answer in time")]
    TimedOut,
    /// The server answered with another status than 200; redirects are not followed.
    #[error("server answered with status {0}")]
    Status(u16),
    /// The server coded its answer although it was asked not to: mend the server, or what stands before it.
    #[error("server answered in a content coding that was not asked for: {0}")]
    Coding(Coding),
    /// The answer is over the limit of the question.
    #[error("answer is over the limit of {0} bytes")]
    TooLong(usize),
    /// The endpoint is, or its name has no other address than, one out of the client's reach: the server that
    /// published it must not lead there.
    #[error("endpoint leads to a private address")]
    PrivateAddress,
}

impl HttpError {
    /// A name of the case for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Status(_) => "status",
            Self::Coding(_) => "content_coding",
            Self::TooLong(_) => "too_long",
            Self::PrivateAddress => "private_address",
        }
    }
}

/// Sorts what the client says; without the URL, whose query may be a secret.
pub(crate) fn failed(cause: reqwest::Error) -> HttpError {
    if cause.is_timeout() {
        return HttpError::TimedOut;
    }
    let mut deeper: Option<&(dyn Error + 'static)> = Some(&cause);
    while let Some(error) = deeper {
        if error.is::<LeadsToPrivateAddress>() {
            return HttpError::PrivateAddress;
        }
        deeper = error.source();
    }
    HttpError::Unreachable(cause.without_url().into())
}
