//! What is known of a change that an authority asked for and was not told of.

use std::io;

use kest_authority::StoreError;

use crate::session::Failed;

/// The cause in a [`StoreError`] of an [`AuthorityStore`](super::AuthorityStore).
///
/// No message has a ticket, a key or a password in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// Trying once more is safe.
    #[error("nothing was done")]
    Undone(#[source] io::Error),
    /// The database was told to keep it and did not answer: look before trying once more, since a ticket may be used up.
    #[error("whether it was done is not known")]
    Unknown(#[source] io::Error),
}

/// How far a transaction came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// The database undoes what it was told.
    Work,
    /// It was told to keep it.
    Commit,
}

impl StoreFault {
    pub(super) fn error(failed: Failed, reached: Reached) -> StoreError {
        let known = reached == Reached::Work || matches!(failed, Failed::Refused(_));
        let cause = failed.into_error();
        StoreError::new(if known { Self::Undone(cause) } else { Self::Unknown(cause) })
    }
}
