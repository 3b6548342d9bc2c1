//! Files of policies: found, read, and sorted by language.

use std::path::{Path, PathBuf};

use kest_core::Limits;
use kest_policy::load::{Problem, files_in};
use kest_policy::{LoadError, Source};

use super::failure::PolicyError;
use super::fault::Fault;

/// Sources by language, each list in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) cedar: Vec<Source>,
    pub(crate) schema: Option<Source>,
    pub(crate) rego: Vec<Source>,
    pub(crate) configurations: Vec<Source>,
    /// What is wrong with the rest.
    pub(crate) problems: Vec<LoadError>,
}

impl Sources {
    /// Reads the files at `paths` and sorts them; it stops at the first policy file over `Limits::policy_files`.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] when one cannot be read.
    pub(crate) fn read(paths: &[PathBuf], limits: &Limits) -> Result<Self, PolicyError> {
        let mut sources = Self::default();
        for path in paths {
            if sources.policy_files() >= limits.policy_files {
                let problem = Problem::TooMany(limits.policy_files);
                sources.problems.push(LoadError::new(&path.to_string_lossy(), problem));
                break;
            }
            sources.push(read(path, limits)?);
        }
        Ok(sources)
    }

    /// Reads the schema at `path`, whatever its name ends in.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] when it cannot be read.
    pub(crate) fn read_schema(&mut self, path: &Path, limits: &Limits) -> Result<(), PolicyError> {
        let schema = read(path, limits)?;
        self.put_schema(schema);
        Ok(())
    }

    fn push(&mut self, source: Source) {
        match source.extension() {
            Some("cedar") => self.cedar.push(source),
            Some("cedarschema") => self.put_schema(source),
            Some("rego") => self.rego.push(source),
            Some("toml") => self.configurations.push(source),
            _ => self.problems.push(LoadError::new(source.name(), Problem::Language)),
        }
    }

    fn put_schema(&mut self, schema: Source) {
        if self.schema.is_some() {
            self.problems.push(LoadError::new(schema.name(), Problem::SecondSchema));
        } else {
            self.schema = Some(schema);
        }
    }

    fn policy_files(&self) -> usize {
        let others = usize::from(self.schema.is_some()) + self.problems.len();
        self.cedar.len() + self.rego.len() + others
    }
}

/// The files that `paths` name: a directory stands for the policy files directly in it, in order of name.
///
/// # Errors
///
/// [`PolicyError`] when a directory cannot be read, or when there is no file at all.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, PolicyError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        let files = if path.is_dir() {
            files_in(path).map_err(|cause| PolicyError::Directory { path: path.clone(), cause })?
        } else {
            vec![path.clone()]
        };
        for file in files {
            // A directory and one of its files: it was meant once.
            if !found.contains(&file) {
                found.push(file);
            }
        }
    }
    if found.is_empty() { Err(PolicyError::NoFiles) } else { Ok(found) }
}

fn read(path: &Path, limits: &Limits) -> Result<Source, PolicyError> {
    Source::read(path, limits).map_err(|error| PolicyError::Unreadable(Fault::from(&error)))
}
