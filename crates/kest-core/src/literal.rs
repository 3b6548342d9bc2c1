//! What a program's own literals are read with: a mistake in one is found where it stands.

use std::fmt::{Debug, Display};

/// What was read of `literal`.
///
/// # Panics
///
/// Names the literal, what is wrong with it, and the line of the caller, when it could not be read.
#[doc(hidden)]
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a literal that cannot be read is a mistake of the program, found at its first start"
)]
pub fn literal<Read, Error: Display>(literal: impl Debug, read: Result<Read, Error>) -> Read {
    match read {
        Ok(read) => read,
        Err(error) => panic!("literal {literal:?}: {error}"),
    }
}
