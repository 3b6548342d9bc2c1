//! Why a question about policies could not be put: always exit code 2.

use std::fmt;
use std::io;
use std::path::PathBuf;

use kest_core::entry::PolicyName;
use kest_policy::input::InputError;

use super::fault::Fault;

/// A command of `kest policy` has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// A directory cannot be listed.
    #[error("cannot read directory {}", .path.display())]
    Directory {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// The directories have nothing to look at.
    #[error("no file of a policy language was given")]
    NoFiles,
    /// A file cannot be read as text.
    #[error("{0}")]
    Unreadable(Fault),
    /// What is wrong was said by file and line already.
    #[error("policies cannot be used")]
    Broken,
    /// No policy has the name.
    #[error("no policy is called {name}; there {}", Known(.known))]
    UnknownName { name: PolicyName, known: Vec<PolicyName> },
    /// The policy can only be asked about an input document.
    #[error("input is not a document that policies are asked about")]
    Input(#[source] InputError),
}

struct Known<'it>(&'it [PolicyName]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            [] => "are no policies",
            [_] => "is ",
            [..] => "are ",
        })?;
        for (index, name) in self.0.iter().enumerate() {
            write!(formatter, "{}{name}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
