//! An engine next door, asked over HTTP: one question, one bounded answer in bounded time, no second try.

mod error;
mod neighbour;
mod secret;
mod settings;

pub use error::{ConnectError, RemoteConfigError};
#[cfg(feature = "opa")]
pub(crate) use neighbour::AskError;
pub(crate) use neighbour::Neighbour;
#[cfg(feature = "cedar-agent")]
pub(crate) use neighbour::NotAnAnswer;
pub use secret::Secret;
#[cfg(feature = "cedar-agent")]
pub(crate) use settings::Opened;
pub(crate) use settings::Settings;
