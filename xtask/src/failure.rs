//! Why a task ended early, and the exit code that says so.

use std::io;
use std::process::ExitCode;

/// Why a task ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// Something the task needs is not there.
    Missing(String),
    /// A command ran and said no; its exit code is passed on.
    Refused { command: String, code: u8 },
    /// Dialect, writing or starting a program did not work.
    Broken { what: String, cause: io::Error },
}

impl Failure {
    /// Wraps an I/O error; meant for `map_err`.
    pub(crate) fn broken(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |cause| Self::Broken { what, cause }
    }

    pub(crate) fn message(&self, usage: &str) -> String {
        match self {
            Self::Usage(reason) => format!("{reason}\n{usage}"),
            Self::Missing(what) => what.clone(),
            Self::Refused { command, code } => format!("failed with exit code {code}: {command}"),
            Self::Broken { what, cause } => format!("{what}: {cause}"),
        }
    }

    /// A command's own code; 2 for usage and I/O.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused { code, .. } => ExitCode::from(*code),
            Self::Usage(_) | Self::Missing(_) | Self::Broken { .. } => ExitCode::from(2),
        }
    }
}
