//! A sidecar engine, asked over HTTP: one question, one bounded answer in bounded time, no second try.

mod engine;
mod error;
mod secret;
mod settings;

#[cfg(feature = "opa")]
pub(crate) use engine::AskError;
#[cfg(feature = "cedar-agent")]
pub(crate) use engine::NotAnAnswer;
pub(crate) use engine::RemoteEngine;
pub use error::{ConnectError, RemoteConfigError};
pub use secret::Secret;
#[cfg(feature = "cedar-agent")]
pub(crate) use settings::Opened;
pub(crate) use settings::Settings;
