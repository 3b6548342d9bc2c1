//! The seam between the key cache and the source of keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::BoxError;
use kest_http::Coding;

use super::{HttpKeysError, KeySet, KeySetError};

/// Brings the current keys of an issuer.
///
/// Called by one task at a time, never more often than the configuration says, and cut off after
/// `Limits::key_fetch_wait`; an implementation needs no cache and no retry of its own. What it answers is taken at its
/// word: a key that is missing from the answer is no longer used.
#[async_trait]
pub trait FetchKeys: fmt::Debug + Send + Sync {
    /// Fetches the keys.
    ///
    /// # Errors
    ///
    /// [`FetchError`] when there is no usable answer; keys that are known already stay in use.
    async fn fetch(&self) -> Result<KeySet, FetchError>;

    /// Where the keys come from, for the log line of a fetch that failed: a URL without user information and without a
    /// query, which may be secrets. Not told by default.
    fn place(&self) -> Option<String> {
        None
    }
}

/// The keys could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("key set endpoint is out of reach")]
    Unreachable(#[source] BoxError),
    /// No complete answer within `Limits::key_fetch_wait`.
    #[error("key set endpoint did not answer in time")]
    TimedOut,
    /// Another status than 200; redirects are not followed.
    #[error("key set endpoint answered with status {0}")]
    Status(u16),
    /// The answer is a page for people.
    #[error("key set endpoint answered with a page")]
    ContentType,
    /// The answer is coded, gzip for one, although it was asked not to be.
    #[error("key set endpoint answered in a content coding that was not asked for: {0}")]
    Coding(Coding),
    /// The answer is longer than `Limits::key_set_bytes`, or `Limits::key_metadata_bytes` for an issuer's metadata.
    #[error("answer is over the limit of {0} bytes")]
    TooLong(usize),
    /// The answer is not a key set.
    #[error("key set endpoint answered with something else")]
    NotAKeySet(#[source] KeySetError),
    /// The issuer's metadata, which say where its keys are, could not be fetched.
    #[error("metadata of the issuer could not be fetched")]
    Metadata(#[source] Box<Self>),
    /// The issuer's metadata are not one unambiguous JSON object with the members that are needed.
    #[error("metadata of the issuer are malformed")]
    NotMetadata(#[source] BoxError),
    /// The metadata are those of another issuer, or of one that is spelled in another way.
    #[error("metadata name another issuer")]
    OtherIssuer,
    /// The metadata name a key set where none may be fetched from.
    #[error("metadata name a key set uri that must not be used")]
    KeySetUri(#[source] HttpKeysError),
    /// Another source than HTTP had no answer. Its cause is its own, and may name the endpoint.
    #[error("key source failed")]
    Source(#[source] BoxError),
    /// The fetch ended without a result, because its runtime was shut down or its source panicked.
    #[error("key set fetch was abandoned")]
    Abandoned,
}

impl FetchError {
    /// What was at the bottom of it, in the words of this crate or of the system: nothing that an answer contained.
    pub(super) fn root_cause(&self) -> String {
        // A source of the user's own may say anything.
        let mut cause: &dyn std::error::Error = self;
        while let Some(source) = cause.source().filter(|_| !matches!(self, Self::Source(_))) {
            cause = source;
        }
        cause.to_string()
    }

    /// A name of the case for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Status(_) => "status",
            Self::ContentType => "content_type",
            Self::Coding(_) => "content_coding",
            Self::TooLong(_) => "too_long",
            Self::NotAKeySet(_) => "not_a_key_set",
            Self::Metadata(_) => "metadata",
            Self::NotMetadata(_) => "not_metadata",
            Self::OtherIssuer => "other_issuer",
            Self::KeySetUri(_) => "key_set_uri",
            Self::Source(_) => "source",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A token cannot be judged because the key that it names is out of reach.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetUnavailable {
    /// The last fetch failed.
    #[error("keys could not be fetched")]
    Fetch(#[source] Arc<FetchError>),
    /// The fetch under way did not end in the time that a request may wait.
    #[error("keys did not come within {0:?}")]
    Waited(Duration),
    /// So many requests wait for keys already that this one was not let in.
    #[error("too many requests wait for keys")]
    Crowded,
    /// Not called from within a Tokio runtime, so nothing can be fetched.
    #[error("no runtime to fetch keys with")]
    NoRuntime,
}
