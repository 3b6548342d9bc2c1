//! What a command comes to: an answer, or a failure with its exit code.

use std::process::ExitCode;

use crate::audit::AuditError;
#[cfg(feature = "authority")]
use crate::authority::AuthorityError;
use crate::bundle::JoinError;
use crate::canonicalize::CanonicalError;
use crate::explain::ExplainError;
use crate::fresh::FreshError;
use crate::input::InputError;
use crate::keygen::KeygenError;
use crate::keys::KeysError;
use crate::output::OutputError;
use crate::policy::PolicyError;
use crate::store::StoreError;
use crate::view::ViewError;
use crate::whole::WholeError;

/// The answer to the question that a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes, or done.
    Yes,
    /// Refused, or not true; the command said so on standard output.
    No,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => Self::SUCCESS,
            Answer::No => Self::from(1),
        }
    }
}

/// A command ended without output.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Keygen(#[from] KeygenError),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Fresh(#[from] FreshError),
    #[error(transparent)]
    Whole(#[from] WholeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[cfg(feature = "authority")]
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    View(#[from] ViewError),
}

impl Failure {
    /// 1 when what was given is not true, 2 when the question could not be put.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Input(_)
            | Self::Output(_)
            | Self::Keys(_)
            | Self::Policy(_)
            | Self::Explain(_)
            | Self::Store(_)
            | Self::Audit(_)
            | Self::View(_)
            | Self::Whole(_) => 2,
            #[cfg(feature = "authority")]
            Self::Authority(error) => error.exit_code(),
            Self::Keygen(KeygenError::File(error)) | Self::Fresh(error) => match error {
                FreshError::Exists(_) => 1,
                FreshError::Write { .. } => 2,
            },
            Self::Keygen(KeygenError::Name | KeygenError::Random(_) | KeygenError::Json(_)) => 2,
            Self::Join(JoinError::NoFiles(_) | JoinError::Json(_) | JoinError::Unread(_)) => 2,
            Self::Join(_) => 1,
            Self::Canonical(CanonicalError(_)) => 1,
        })
    }
}
