//! Writes answers to standard output and messages for people to standard error.

use std::error::Error;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write as _};

use serde::Serialize;

use crate::escape::{Escaped, harmless_json};

/// Standard output, buffered.
///
/// When its reader goes away, the rest is dropped and the command goes on: its exit code still answers for all
/// that it was asked.
#[derive(Debug)]
pub(crate) struct Output(Option<BufWriter<Stdout>>);

impl Output {
    /// Takes standard output.
    pub(crate) fn open() -> Self {
        Self(Some(BufWriter::new(io::stdout())))
    }

    /// Writes `bytes` as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        let done = self.0.as_mut().map_or(Ok(()), |writer| writer.write_all(bytes));
        self.unless_gone(done)
    }

    /// Writes one line of text, in which a stranger's text was escaped already.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), OutputError> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes `value` as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        let json = serde_json::to_string(value).map_err(|error| OutputError(error.into()))?;
        self.line(&harmless_json(&json))
    }

    /// Hands on what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        let done = self.0.as_mut().map_or(Ok(()), |writer| writer.flush());
        self.unless_gone(done)
    }

    fn unless_gone(&mut self, done: io::Result<()>) -> Result<(), OutputError> {
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                if let Some(writer) = self.0.take() {
                    // Dropping it would try to write the rest once more.
                    drop(writer.into_parts());
                }
                Ok(())
            }
            Err(error) => Err(OutputError(error)),
            Ok(()) => Ok(()),
        }
    }
}

/// Standard output takes nothing more.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub(crate) struct OutputError(#[source] io::Error);

/// Tells people on standard error; when that is gone too, nothing is left to say it to.
pub(crate) fn say(message: &str) {
    writeln!(io::stderr().lock(), "kest: {}", Escaped(message)).unwrap_or_default();
}

/// Says an error with all its causes.
pub(crate) fn complain(error: &dyn Error) {
    say(&with_causes(error));
}

/// Writes a line to standard error that does not come from `kest` itself: where a fault stands, or an explanation.
pub(crate) fn note(line: &str) {
    writeln!(io::stderr().lock(), "{}", Escaped(line)).unwrap_or_default();
}

/// An error and all its causes in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    message
}
