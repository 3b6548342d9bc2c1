//! Why there is no new trust bundle, and why there has been none at all.

use std::sync::Arc;
use std::time::Duration;

use kest_core::BoxError;
use kest_core::file::FileError;
use kest_core::signature::{BundleError, NoSuccessor};
use kest_http::HttpError;

use crate::refresh::Unavailable;

/// A trust bundle was not taken; the one in use stays in use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// The file cannot be read, or others may write it.
    #[error("trust bundle cannot be read")]
    File(#[source] FileError),
    /// The server gave no usable answer.
    #[error("trust bundle cannot be fetched")]
    Fetch(#[source] HttpError),
    /// It is not what its authority signed, or cannot be understood by the one that fetches it.
    #[error("trust bundle is not what its authority signed")]
    Refused(#[source] BoxError),
    /// The text is not a trust bundle.
    #[error("trust bundle is malformed")]
    Malformed(#[source] BundleError),
    /// It is older than the one in use, or lacks what that one has.
    #[error("trust bundle may not follow the one in use")]
    NoSuccessor(#[source] NoSuccessor),
    /// It took longer than `Limits::key_fetch_wait`.
    #[error("trust bundle did not come in time")]
    TimedOut,
    /// An earlier look at the file has not ended: its file system hangs.
    #[error("an earlier look at the file has not ended")]
    Hanging,
    /// The look ended without a result, because its runtime was shut down.
    #[error("look at the trust bundle was abandoned")]
    Abandoned,
}

impl BundleFault {
    /// A name of the case for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(FileError::OpenToWriters(_)) => "open_to_writers",
            Self::File(FileError::TooLong(_)) | Self::Fetch(HttpError::TooLong(_)) => "too_long",
            Self::File(_) => "unreadable",
            Self::Fetch(cause) => cause.kind(),
            Self::Refused(_) => "refused",
            Self::Malformed(_) => "malformed",
            Self::NoSuccessor(cause) => cause.kind(),
            Self::TimedOut => "timed_out",
            Self::Hanging => "hanging",
            Self::Abandoned => "abandoned",
        }
    }

    /// What was at the bottom of it. A bundle is public, and so are the names that it holds.
    pub(super) fn root_cause(&self) -> String {
        let mut cause: &dyn std::error::Error = self;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    }
}

/// There is no trust bundle to verify with, or it is not known whether it lacks a key.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BundleUnavailable {
    /// The bundle could not be refreshed for so long that it is not used any more.
    #[error("trust bundle is too old to be used")]
    TooOld(#[source] Arc<BundleFault>),
    /// There has been none yet, or the key in question may be in the one that could not be had.
    #[error("trust bundle could not be refreshed")]
    NotRefreshed(#[source] Arc<BundleFault>),
    /// The look under way did not end in the time that a request may wait.
    #[error("trust bundle did not come within {0:?}")]
    Waited(Duration),
    /// So many requests wait for it already that this one was not let in.
    #[error("too many requests wait for the trust bundle")]
    Crowded,
    /// Not called from within a Tokio runtime, so nothing can be read.
    #[error("no runtime to read the trust bundle with")]
    NoRuntime,
}

impl BundleUnavailable {
    /// A name of the case for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooOld(_) => "stale",
            Self::NotRefreshed(_) => "not_refreshed",
            Self::Waited(_) => "waited",
            Self::Crowded => "crowded",
            Self::NoRuntime => "no_runtime",
        }
    }
}

impl From<Unavailable<BundleFault>> for BundleUnavailable {
    fn from(unavailable: Unavailable<BundleFault>) -> Self {
        match unavailable {
            Unavailable::Fetch(cause) => Self::NotRefreshed(cause),
            Unavailable::Waited(wait) => Self::Waited(wait),
            Unavailable::Crowded => Self::Crowded,
            Unavailable::NoRuntime => Self::NoRuntime,
        }
    }
}

/// A service cannot start with this trust bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleStartError {
    /// The bundle would be refreshed never, or be too old before it is refreshed.
    #[error("trust bundle is refreshed never, or later than it may be used")]
    Refresh,
    /// The URL cannot be asked: see [`kest_http::EndpointError`].
    #[error("trust bundle has no acceptable url")]
    Url(#[source] BoxError),
    /// A root certificate cannot be used, or the machine offers no TLS.
    #[error("trust bundle cannot be fetched over https")]
    Client(#[source] BoxError),
    /// The first look brought none.
    #[error("there is no trust bundle to start with")]
    Unavailable(#[source] BundleUnavailable),
}
