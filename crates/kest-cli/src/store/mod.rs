//! `kest store`: what lies in a passport store.

mod get;
mod key;
mod looking;
mod place;
mod put;

use std::path::PathBuf;

use kest_baggage::{AudienceError, PackError, RestoreError, SealingKeyError};
use kest_core::RandomError;
use kest_redis::ConnectError;

use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::input::InputError;

/// Looks, puts, or makes a key.
pub(crate) async fn run(command: arguments::Store) -> Result<Answer, Failure> {
    match command {
        arguments::Store::Get(arguments) => get::run(arguments).await,
        arguments::Store::Put(arguments) => put::run(arguments).await,
        arguments::Store::Key(arguments) => key::run(&arguments),
    }
}

/// A command of `kest store` has no answer: always exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The store is away, or none that claims are safe in.
    #[error("passport store cannot be used")]
    Connect(#[source] ConnectError),
    /// The store gave no answer.
    #[error("passport store gave no answer")]
    Get(#[source] RestoreError),
    /// The claim was not kept.
    #[error("claim was not kept")]
    Put(#[source] PackError),
    /// The members of the header cannot be written.
    #[error("claim fits no header")]
    Header(#[source] kest_baggage::InjectError),
    /// The sealing key cannot be used.
    #[error("cannot use {}", .path.display())]
    SealKey {
        path: PathBuf,
        #[source]
        cause: SealingKeyError,
    },
    /// The audience is malformed.
    #[error("audience cannot be used")]
    Audience(#[source] AudienceError),
    /// A file beside the store's address cannot be read.
    #[error("cannot read what the store is reached with")]
    File(#[source] InputError),
    /// A file beside the store's address is no text.
    #[error("what the store is reached with is no text")]
    Text,
    /// No unpredictable bytes can be had.
    #[error("cannot make a key")]
    Random(#[source] RandomError),
    /// The key has no JSON form.
    #[error("cannot write the key as json")]
    Json(#[source] serde_json::Error),
}
