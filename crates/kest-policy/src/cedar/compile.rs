//! Turns sources into deciders, or into the list of everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Effect, PolicySet, Schema, ValidationMode, ValidationWarning, Validator};
use kest_core::Limits;
use kest_core::entry::PolicyName;

use super::decide::Decider;
use super::fault::{at, faults};
use super::mentioned::mentioned;
use super::read::{Written, read};
use super::vocabulary::{Terms, Vocabulary};
use crate::load::{LoadError, LoadErrors, Problem, Source};

/// The deciders by name.
pub(super) type Deciders = BTreeMap<PolicyName, Arc<Decider>>;

/// Compiles on a stack of its own: Cedar reads recursively, and its validator passes what it has no stack left for.
pub(super) fn compile(policies: &[Source], schema: &Source, limits: &Limits) -> Result<Deciders, LoadErrors> {
    let compiled = thread::scope(|scope| {
        let builder = thread::Builder::new().name("kest-cedar".to_owned()).stack_size(STACK);
        let thread = builder.spawn_scoped(scope, || compile_here(policies, schema, limits))?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    compiled.unwrap_or_else(|cause: std::io::Error| {
        Err(LoadError::new(schema.name(), Problem::Unreadable(cause.into())).into())
    })
}

fn compile_here(policies: &[Source], schema: &Source, limits: &Limits) -> Result<Deciders, LoadErrors> {
    let mut errors = bounds(policies, schema, limits);
    if !errors.is_empty() {
        return LoadErrors::unless_none(errors, Deciders::new());
    }
    let vocabulary = Vocabulary::read(schema).map_err(|faults| errors.extend(faults)).ok();
    let mut names = BTreeSet::new();
    let mut deciders = Deciders::new();
    for source in policies {
        let mut faults = Vec::new();
        for written in read(source).map_err(|unread| faults.extend(unread)).into_iter().flatten() {
            if !names.insert(written.name.clone()) {
                faults.push(at(source, written.line, Problem::Twice(written.name)));
            } else if let Some(vocabulary) = &vocabulary {
                match decider(written, vocabulary) {
                    Ok((name, decider)) => drop(deciders.insert(name, Arc::new(decider))),
                    Err(invalid) => faults.extend(invalid),
                }
            }
        }
        faults.sort_by_key(LoadError::line);
        errors.append(&mut faults);
    }
    LoadErrors::unless_none(errors, deciders)
}

fn bounds(policies: &[Source], schema: &Source, limits: &Limits) -> Vec<LoadError> {
    let too_many = policies.iter().skip(limits.policy_files).take(1);
    let too_many =
        too_many.map(|source| LoadError::new(source.name(), Problem::TooMany(limits.policy_files)));
    let most = limits.policy_file_bytes;
    let too_long = policies
        .iter()
        .chain([schema])
        .filter(|source| u64::try_from(source.as_str().len()).unwrap_or(u64::MAX) > most);
    too_many.chain(too_long.map(|source| LoadError::new(source.name(), Problem::TooLong(most)))).collect()
}

fn decider(
    written: Written<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<(PolicyName, Decider), Vec<LoadError>> {
    let Terms { schema, request, entities, context } = vocabulary.terms(&written.name)?;
    let faults = validate(&written, schema);
    if !faults.is_empty() {
        return Err(faults);
    }
    let Written { name, policies, bytes, .. } = written;
    let context = mentioned(&context, &policies);
    Ok((name, Decider { policies, request, entities, context, bytes }))
}

fn validate(written: &Written<'_>, schema: Schema) -> Vec<LoadError> {
    let result = Validator::new(schema).validate(&written.policies, ValidationMode::Strict);
    let invalid = |diagnostic: DetailedError| faults(written.source, diagnostic, Problem::Invalid);
    let errors: Vec<_> = result.validation_errors().flat_map(|error| invalid(error.into())).collect();
    if !errors.is_empty() {
        return errors;
    }
    let is_dangerous = |warning: &&ValidationWarning| is_dangerous(warning, &written.policies);
    let (dangerous, doubtful): (Vec<_>, Vec<_>) = result.validation_warnings().partition(is_dangerous);
    for fault in doubtful.into_iter().flat_map(|warning| invalid(warning.into())) {
        tracing::warn!(policy = %written.name, cause = %LoadErrors::from(fault), "policy is doubtful");
    }
    dangerous.into_iter().flat_map(|warning| invalid(warning.into())).collect()
}

/// Whether the policy reads as if it protected, and does not.
fn is_dangerous(warning: &ValidationWarning, policies: &PolicySet) -> bool {
    let forbids =
        policies.policy(warning.policy_id()).is_some_and(|policy| policy.effect() == Effect::Forbid);
    let misleads = matches!(
        warning,
        ValidationWarning::BidiCharsInString(_) | ValidationWarning::BidiCharsInIdentifier(_)
    );
    let never_applies = matches!(
        warning,
        ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
    );
    misleads || (forbids && never_applies)
}

/// Far more than policies need that are no deeper than they may be.
const STACK: usize = 16 * 1024 * 1024;
