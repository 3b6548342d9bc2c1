//! Why keys of an authority could not be made, read or replaced.

use std::io;

use kest_core::RandomError;
use kest_core::signature::PrivateFileError;

/// The keys of an authority cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The folder has keys already: they are never overwritten.
    #[error("folder has keys of an authority already")]
    Exists,
    /// The file of the keys cannot be read, or is open to others.
    #[error("keys of the authority cannot be read")]
    Read(#[source] PrivateFileError),
    /// The folder cannot be written to.
    #[error("keys of the authority cannot be written")]
    Write(#[source] io::Error),
    /// The file is not one that this program wrote.
    #[error("keys of the authority are malformed")]
    Malformed,
    /// A name of the listeners is neither a DNS name nor an IP address.
    #[error("name of a listener is no dns name and no ip address")]
    Name,
    /// There are too many names.
    #[error("over {0} names of listeners")]
    TooManyNames(usize),
    /// Certificates are to live for under a second, or for over a day.
    #[error("life of certificates is not between a second and a day")]
    Life,
    /// Two keys are live: the replacement before this one is not over.
    #[error("the replacement before is not over")]
    NotOver,
    /// There is no randomness.
    #[error("no randomness for a key")]
    Random(#[from] RandomError),
    /// A certificate could not be made.
    #[error("certificate of the root cannot be made")]
    Certificate(#[source] kest_core::BoxError),
}
