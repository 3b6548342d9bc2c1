//! Gives unpredictable bytes for identifiers and keys.

use std::fmt;

/// A source of unpredictable bytes.
///
/// Taken as an argument so that tests and vectors can be deterministic.
pub trait Random: fmt::Debug + Send + Sync {
    /// Fills `bytes` completely.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the source is exhausted or missing; `bytes` must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|source| RandomError(Box::new(source)))
    }
}

/// The random source gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("random source is unavailable")]
pub struct RandomError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl RandomError {
    /// Wraps the cause that a source of your own reports.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
