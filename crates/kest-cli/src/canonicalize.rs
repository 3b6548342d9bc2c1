//! `kest canonicalize`: writes the one byte form of a JSON text.

use kest_core::CanonicalizeError;

use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::output::Output;

/// Bytes of a text: a small text of many values takes some 60 times its length in memory while it is sorted.
const TEXT_BYTES: usize = 8 * 1024 * 1024;
/// Nesting of a text.
const DEPTH: usize = 128;

/// Writes the RFC 8785 bytes and nothing after them.
pub(crate) fn run(arguments: arguments::Canonicalize) -> Result<Answer, Failure> {
    let text = Source::named(arguments.file).read(TEXT_BYTES)?;
    let canonical = kest_core::canonicalize(&text, DEPTH).map_err(CanonicalError)?;
    let mut output = Output::open();
    output.bytes(&canonical)?;
    output.flush()?;
    Ok(Answer::Yes)
}

/// The text has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("no canonical form")]
pub(crate) struct CanonicalError(#[source] pub(crate) CanonicalizeError);
