//! Collects the sources of a set from texts, files and folders, and gives each language its engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kest_core::Limits;
use kest_core::entry::EntryHash;
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::load::{LANGUAGES, LoadError, LoadErrors, Problem, Source, files_in};

/// Reads every one of `paths`; a folder stands for the policy files directly in it, in order of name.
///
/// # Errors
///
/// Every file that cannot be read, and the first that is one too many or makes them too long together.
pub(crate) fn read_all(paths: &[PathBuf], limits: &Limits) -> Result<Vec<Source>, LoadErrors> {
    let mut sources = Vec::new();
    let mut errors = Vec::new();
    let mut room = limits.policy_bytes;
    for path in paths {
        match files_of(path) {
            Ok(files) => {
                for file in files {
                    if sources.len() >= limits.policy_files {
                        let problem = Problem::TooMany(limits.policy_files);
                        return Err(LoadError::new(&file.to_string_lossy(), problem).into());
                    }
                    match Source::read(&file, limits) {
                        Ok(source) => {
                            let length = u64::try_from(source.as_str().len()).unwrap_or(u64::MAX);
                            room = room.checked_sub(length).ok_or_else(|| {
                                LoadError::new(source.name(), Problem::TooMuch(limits.policy_bytes))
                            })?;
                            sources.push(source);
                        }
                        Err(error) => errors.push(error),
                    }
                }
            }
            Err(error) => errors.push(error),
        }
    }
    LoadErrors::unless_none(errors, sources)
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |problem| LoadError::new(&path.to_string_lossy(), problem);
    let files = files_in(path).map_err(|cause| fault(Problem::Unreadable(cause.into())))?;
    if files.is_empty() { Err(fault(Problem::Empty)) } else { Ok(files) }
}

/// Compiles `sources`, each by the engine of its language.
///
/// # Errors
///
/// Everything that is wrong with any of them.
pub(super) fn compile(sources: &[Source], limits: &Limits) -> Result<Vec<Arc<dyn Engine>>, LoadErrors> {
    let mut engines: Vec<Arc<dyn Engine>> = Vec::new();
    let mut errors = Vec::new();
    let of = |language: &str| -> Vec<Source> {
        sources.iter().filter(|source| source.extension() == Some(language)).cloned().collect()
    };
    for source in sources {
        if !source.extension().is_some_and(|extension| LANGUAGES.contains(&extension)) {
            errors.push(LoadError::new(source.name(), Problem::Language));
        }
    }
    let mut take = |compiled: Result<Option<Arc<dyn Engine>>, LoadErrors>| match compiled {
        Ok(engine) => engines.extend(engine),
        Err(found) => errors.extend(found),
    };
    take(cedar(&of("cedar"), &of("cedarschema"), limits));
    take(rego(&of("rego"), limits));
    LoadErrors::unless_none(errors, engines)
}

type Compiled = Result<Option<Arc<dyn Engine>>, LoadErrors>;

#[cfg(feature = "cedar")]
fn cedar(policies: &[Source], schemas: &[Source], limits: &Limits) -> Compiled {
    let schema = match schemas {
        [] => None,
        [schema] => Some(schema),
        [_, second, ..] => return Err(LoadError::new(second.name(), Problem::SecondSchema).into()),
    };
    if policies.is_empty() && schema.is_none() {
        return Ok(None);
    }
    Ok(Some(Arc::new(crate::cedar::Cedar::compile(policies, schema, limits)?)))
}

#[cfg(not(feature = "cedar"))]
fn cedar(policies: &[Source], schemas: &[Source], _limits: &Limits) -> Compiled {
    not_built_in(policies.iter().chain(schemas))
}

#[cfg(feature = "rego")]
fn rego(modules: &[Source], limits: &Limits) -> Compiled {
    if modules.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(crate::rego::Rego::compile(modules, limits)?)))
}

#[cfg(not(feature = "rego"))]
fn rego(modules: &[Source], _limits: &Limits) -> Compiled {
    not_built_in(modules.iter())
}

#[cfg(not(all(feature = "cedar", feature = "rego")))]
fn not_built_in<'it, Sources>(mut sources: Sources) -> Compiled
where
    Sources: Iterator<Item = &'it Source>,
{
    match sources.next() {
        Some(source) => Err(LoadError::new(source.name(), Problem::Language).into()),
        None => Ok(None),
    }
}

/// A digest of the texts alone, which is the same wherever they lie and in whichever order they are named.
pub(super) fn digest<'it, Sources>(sources: Sources) -> Option<EntryHash>
where
    Sources: Iterator<Item = &'it Source>,
{
    let mut texts: Vec<String> =
        sources.map(|source| EntryHash::of_bytes(source.as_str().as_bytes()).to_hex() + "\n").collect();
    texts.sort_unstable();
    (!texts.is_empty()).then(|| EntryHash::of_bytes(texts.concat().as_bytes()))
}

/// A digest of names and texts, by which a change is noticed.
pub(super) fn fingerprint<'it, Sources>(sources: Sources) -> [u8; 32]
where
    Sources: Iterator<Item = &'it Source>,
{
    let mut digest = Sha256::new();
    for source in sources {
        for part in [source.name(), source.as_str()] {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `sha256sum FILES | cut -c1-64 | sort | sha256sum` says of two files with `one`, and with `two` and the end of a line.
    #[test]
    fn digest_of_policies_is_that_of_their_sorted_digests() {
        let (one, two) = (Source::text("a/x.rego", "one"), Source::text("y.cedar", "two\n"));
        let moved = Source::text("b/z.rego", "one");
        let expected = "1aa22e108765214e7d5139a20b9d2263f735fbebfa8010c1c39c2b6d515b8bc3";
        for sources in [[&one, &two], [&two, &one], [&two, &moved]] {
            assert_eq!(digest(sources.into_iter()).unwrap().to_hex(), expected);
        }
        assert_ne!(digest([&one].into_iter()), digest([&two].into_iter()));
        assert_eq!(digest([].into_iter()), None);
    }
}
