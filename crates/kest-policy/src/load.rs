//! Sources of policies, and what can be wrong with them: always with file, line and reason.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kest_core::entry::PolicyName;
use kest_core::file::{FileError, read_regular_file};
use kest_core::{BoxError, Limits};

use crate::cache::CacheTtlError;
use crate::configuration::DeviationProblem;

/// The extensions of policy files.
pub(crate) const LANGUAGES: [&str; 3] = ["cedar", "cedarschema", "rego"];

/// The policy files directly in `folder`, in order of name; a configuration does not count, since it is always named.
///
/// # Errors
///
/// When the folder cannot be read, or has more than 4096 entries.
pub fn files_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (index, entry) in std::fs::read_dir(folder)?.enumerate() {
        if index >= FOLDER_ENTRIES {
            return Err(std::io::Error::other(Crowded));
        }
        let file = entry?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| LANGUAGES.contains(&extension)) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Entries of a folder that are looked at: many times `Limits::policy_files`, so that other files may lie there.
const FOLDER_ENTRIES: usize = 4096;

#[derive(Debug, thiserror::Error)]
#[error("folder has more than {FOLDER_ENTRIES} entries")]
struct Crowded;

/// A text with the name that problems with it are reported under: a path, or whatever the caller calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// The text `text`, called `name`; the part of the name after the last `.` says what language it is in.
    #[must_use]
    pub fn text(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Reads the regular file at `path`, of at most `Limits::policy_file_bytes`; links are followed.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when it cannot be read, is no regular file, is too long, or is not UTF-8.
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, LoadError> {
        let name: Arc<str> = path.to_string_lossy().into();
        let wrong = |problem| LoadError::new(&name, problem);
        let bytes = read_regular_file(path, limits.policy_file_bytes).map_err(|cause| wrong(cause.into()))?;
        let text = String::from_utf8(bytes).map_err(|cause| wrong(Problem::Unreadable(cause.into())))?;
        Ok(Self { text: text.into(), name })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part of the name after the last `.`: `cedar`, `cedarschema`, `rego`, `toml`.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        Path::new(self.name.as_ref()).extension()?.to_str()
    }

    /// The last part of the name, without the extension.
    #[must_use]
    pub fn stem(&self) -> Option<&str> {
        Path::new(self.name.as_ref()).file_stem()?.to_str()
    }

    /// The line, from 1, that the byte at `offset` stands in.
    #[must_use]
    pub fn line_of(&self, offset: usize) -> NonZeroUsize {
        let before = self.text.as_bytes().iter().take(offset);
        NonZeroUsize::MIN.saturating_add(before.filter(|byte| **byte == b'\n').count())
    }
}

/// A source of policies, a schema or a configuration cannot be used.
#[derive(Debug)]
pub struct LoadError {
    source_name: Arc<str>,
    line: Option<NonZeroUsize>,
    problem: Problem,
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}: {}", self.source_name, Line(self.line), self.problem)
    }
}

/// The problem is part of the message, so the cause is the problem's.
impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}

impl LoadError {
    /// `problem` of the source called `source_name`.
    #[must_use]
    pub fn new(source_name: &str, problem: Problem) -> Self {
        Self { source_name: source_name.into(), line: None, problem }
    }

    /// Says in which line.
    #[must_use]
    pub fn at_line(mut self, line: NonZeroUsize) -> Self {
        self.line = Some(line);
        self
    }

    /// The name of the source.
    #[must_use]
    pub fn source_name(&self) -> &str {
        &self.source_name
    }

    /// The line, from 1, where it is known.
    #[must_use]
    pub fn line(&self) -> Option<NonZeroUsize> {
        self.line
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

struct Line(Option<NonZeroUsize>);

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(formatter, ":{line}"))
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Unreadable(cause) => Self::Unreadable(cause.into()),
            FileError::NotAFile => Self::NotAFile,
            FileError::TooLong(limit) => Self::TooLong(limit),
            FileError::OpenToWriters(_) => Self::Unreadable(error.into()),
            other => Self::Unreadable(other.into()),
        }
    }
}

/// What can be wrong with a source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It cannot be read as text.
    #[error("cannot be read")]
    Unreadable(#[source] BoxError),
    /// It is a pipe, a socket, a device or a folder, which may never end or not even begin.
    #[error("is no regular file")]
    NotAFile,
    /// With it the files of the set are longer than `Limits::policy_bytes` together.
    #[error("is one too many for {0} bytes of policies")]
    TooMuch(u64),
    /// A check of the files gave no result.
    #[error("cannot be looked at")]
    Check(#[source] BoxError),
    /// It is longer than `Limits::policy_file_bytes`.
    #[error("is over the limit of {0} bytes")]
    TooLong(u64),
    /// There are more sources than `Limits::policy_files`.
    #[error("is one of more than {0} files")]
    TooMany(usize),
    /// It is not what its name says.
    #[error("does not parse")]
    Syntax(#[source] BoxError),
    /// It parses and does not fit the schema or the engine.
    #[error("is not valid")]
    Invalid(#[source] BoxError),
    /// Its policies have names and have none, so that it cannot be told which belong together.
    #[error("names some of its policies and not others")]
    HalfNamed,
    /// No policy is in it.
    #[error("has no policy")]
    Empty,
    /// Another source has a policy of this name already.
    #[error("policy {0} is there twice")]
    Twice(PolicyName),
    /// A name is not one: empty or over 256 bytes.
    #[error("has a policy without a usable name")]
    Name,
    /// The configuration names a policy that no engine knows.
    #[error("policy {0} is not known to any engine")]
    UnknownPolicy(PolicyName),
    /// A deviation that cannot be used.
    #[error("deviation from policy {policy} {wrong}")]
    Deviation {
        /// The policy that it names.
        policy: Box<str>,
        /// What is wrong with it.
        wrong: DeviationProblem,
    },
    /// `cache_ttl_seconds` is out of range.
    #[error("decisions can be remembered for 0 to 3600 seconds")]
    CacheTtl,
    /// The variable `KEST_POLICY_CACHE_TTL` cannot be read.
    #[error("cannot be used")]
    Variable(#[source] CacheTtlError),
    /// A layer was built on a policy that would be gone.
    #[error("policy {0} is in use and would be gone")]
    InUse(PolicyName),
    /// Another schema was read already.
    #[error("is a second schema")]
    SecondSchema,
    /// No engine for its language is built in.
    #[error("is in a language that no engine here reads")]
    Language,
}

/// Everything that is wrong with a set of sources; never empty.
#[derive(Debug)]
pub struct LoadErrors(Vec<LoadError>);

impl LoadErrors {
    /// Gives `loaded` when nothing is wrong, and everything that is wrong otherwise.
    pub(crate) fn unless_none<Loaded>(errors: Vec<LoadError>, loaded: Loaded) -> Result<Loaded, Self> {
        if errors.is_empty() { Ok(loaded) } else { Err(Self(errors)) }
    }

    /// The single problems, in order of the sources.
    pub fn iter(&self) -> impl Iterator<Item = &LoadError> {
        self.0.iter()
    }
}

impl IntoIterator for LoadErrors {
    type Item = LoadError;
    type IntoIter = std::vec::IntoIter<LoadError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<LoadError> for LoadErrors {
    fn from(error: LoadError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for LoadErrors {
    /// One line a problem, with its causes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{error}")?;
            let mut cause = std::error::Error::source(error.problem());
            while let Some(error) = cause {
                write!(formatter, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl std::error::Error for LoadErrors {}
