//! What is wrong with a file of policies, as editors jump to it and scripts read it.

use std::fmt;
use std::num::NonZeroUsize;

use kest_policy::LoadError;
use serde::Serialize;

use crate::output;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    file: String,
    line: Option<NonZeroUsize>,
    reason: String,
}

impl From<&LoadError> for Fault {
    fn from(error: &LoadError) -> Self {
        Self {
            file: error.source_name().to_owned(),
            line: error.line(),
            reason: output::with_causes(error.problem()),
        }
    }
}

impl fmt::Display for Fault {
    /// `file:line: reason`, or `file: reason` where no line is to blame.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, reason } = self;
        match line {
            Some(line) => write!(formatter, "{file}:{line}: {reason}"),
            None => write!(formatter, "{file}: {reason}"),
        }
    }
}
