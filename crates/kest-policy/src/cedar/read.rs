//! Reads the policies of a source, and which of them belong together under one name.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::str::FromStr as _;

use cedar_policy::{Policy, PolicyId, PolicySet};
use kest_core::entry::PolicyName;

use super::fault::{at, faults};
use super::nesting::{self, Language};
use crate::load::{LoadError, Problem, Source};

/// What one name stands for: permits and forbids that are evaluated together, and with nothing else.
#[derive(Debug)]
pub(super) struct Written<'source> {
    pub(super) name: PolicyName,
    pub(super) source: &'source Source,
    /// Where the first of them begins.
    pub(super) line: NonZeroUsize,
    pub(super) policies: PolicySet,
    /// The length of their text.
    pub(super) bytes: usize,
}

/// One policy as it stands in the source.
struct Statement {
    line: NonZeroUsize,
    bytes: usize,
    policy: Policy,
}

/// A template has holes that would stay open here.
#[derive(Debug, thiserror::Error)]
#[error("a template is no policy: replace ?principal and ?resource")]
struct IsTemplate;

/// The policies of `source` by name.
pub(super) fn read(source: &Source) -> Result<Vec<Written<'_>>, Vec<LoadError>> {
    nesting::check(source, Language::Policies).map_err(|fault| vec![fault])?;
    let statements = statements(source)?;
    let mut named: BTreeMap<PolicyName, Vec<Statement>> = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, statement) in names(source, statements)? {
        match PolicyName::new(name) {
            Ok(name) => named.entry(name).or_default().push(statement),
            Err(_) => errors.push(at(source, statement.line, Problem::Name)),
        }
    }
    let mut written = Vec::with_capacity(named.len());
    for (name, statements) in named {
        match together(source, name, statements) {
            Ok(policies) => written.push(policies),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(written) } else { Err(errors) }
}

/// The policies in the order of the text.
fn statements(source: &Source) -> Result<Vec<Statement>, Vec<LoadError>> {
    let parsed =
        PolicySet::from_str(source.as_str()).map_err(|errors| faults(source, &errors, Problem::Syntax))?;
    let mut statements = Vec::with_capacity(parsed.num_of_policies());
    let mut errors = Vec::new();
    let mut end = 0;
    // Cedar numbers what it reads from a text.
    for id in (0..).map(|number: usize| PolicyId::new(format!("policy{number}"))) {
        let (policy, text) = match (parsed.policy(&id), parsed.template(&id)) {
            (Some(policy), _) => (Some(policy), policy.to_cedar().unwrap_or_default()),
            (None, Some(template)) => (None, template.to_cedar()),
            (None, None) => break,
        };
        let begin = after_blanks(source.as_str(), end);
        end = begin.saturating_add(text.len());
        let line = source.line_of(begin);
        match policy {
            Some(policy) => statements.push(Statement { line, bytes: text.len(), policy: policy.clone() }),
            None => errors.push(at(source, line, Problem::Invalid(IsTemplate.into()))),
        }
    }
    if statements.is_empty() && errors.is_empty() {
        errors.push(at(source, NonZeroUsize::MIN, Problem::Empty));
    }
    if errors.is_empty() { Ok(statements) } else { Err(errors) }
}

/// Where the text goes on after white space and comments.
fn after_blanks(text: &str, mut offset: usize) -> usize {
    while let Some(rest) = text.get(offset..) {
        let skipped = if rest.starts_with("//") {
            rest.find(['\n', '\r']).unwrap_or(rest.len())
        } else {
            rest.len().saturating_sub(rest.trim_start().len())
        };
        if skipped == 0 {
            break;
        }
        offset = offset.saturating_add(skipped);
    }
    offset
}

/// What each statement is called: by its `@id`, or all of them after the file.
fn names(source: &Source, statements: Vec<Statement>) -> Result<Vec<(String, Statement)>, Vec<LoadError>> {
    let id = |statement: &Statement| statement.policy.annotation("id").map(str::to_owned);
    let nameless = statements.iter().find(|statement| id(statement).is_none()).map(|nameless| nameless.line);
    let named = statements.iter().any(|statement| id(statement).is_some());
    match nameless {
        Some(line) if named => Err(vec![at(source, line, Problem::HalfNamed)]),
        _ => {
            let stem = source.stem().unwrap_or_default();
            let name = |statement: &Statement| id(statement).unwrap_or_else(|| stem.to_owned());
            Ok(statements.into_iter().map(|statement| (name(&statement), statement)).collect())
        }
    }
}

fn together(source: &Source, name: PolicyName, statements: Vec<Statement>) -> Result<Written<'_>, LoadError> {
    let line = statements.first().map_or(NonZeroUsize::MIN, |first| first.line);
    let mut written = Written { name, source, line, policies: PolicySet::new(), bytes: 0 };
    let several = statements.len() > 1;
    for (number, statement) in (1_usize..).zip(statements) {
        let id =
            if several { format!("{}#{number}", written.name) } else { written.name.as_str().to_owned() };
        written.bytes = written.bytes.saturating_add(statement.bytes);
        let policy = statement.policy.new_id(PolicyId::new(id));
        written
            .policies
            .add(policy)
            .map_err(|cause| at(source, statement.line, Problem::Invalid(cause.into())))?;
    }
    Ok(written)
}
