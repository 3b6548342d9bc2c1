//! Makes a prepared engine of sources, or says everything that is wrong with them.

use std::num::NonZeroUsize;

use kest_core::{BoxError, Limits};
use regorus::Engine;
use regorus::utils::limits::PolicyLengthConfig;

use super::bounded;
use super::module::Module;
use super::names::Policies;
use super::nesting;
use super::problem::{Finding, Refusal, Said};
use super::tree::Tree;
use crate::load::{LoadError, LoadErrors, Problem, Source};

/// The policies of `sources`, and an engine that is prepared to evaluate them.
pub(super) fn compile(sources: &[Source], limits: &Limits) -> Result<(Policies, Engine), LoadErrors> {
    if let Some(over) = sources.get(limits.policy_files) {
        return Err(LoadError::new(over.name(), Problem::TooMany(limits.policy_files)).into());
    }
    let bench = Bench { sources, limits };
    let (mut engine, parsed, mut found) = bench.parse(0..sources.len());
    let read = engine.get_modules().iter().map(AsRef::as_ref);
    let modules = Module::all(&parsed.iter().copied().zip(read).collect::<Vec<_>>());
    let tree = Tree::of(&modules);
    let (policies, unfit) = tree.policies();
    found.extend(unfit);
    // What a module defines that does not parse is unknown.
    if parsed.len() == sources.len() {
        found.extend(tree.refused());
        // regorus follows statements with the stack as well.
        match tree.endless() {
            Some(endless) => found.push(endless),
            None => found.extend(bench.analyse(&modules)),
        }
    }
    if found.is_empty() {
        let failed = |cause| Finding { source: 0, line: None, problem: Problem::Invalid(cause) };
        found.extend(finish(&mut engine, &tree, limits).err().map(failed));
    }
    found.sort_by_key(|finding| (finding.source, finding.line));
    let errors = found.into_iter().map(|finding| finding.of(sources)).collect();
    LoadErrors::unless_none(errors, (policies, engine))
}

/// The sources, and the bounds within which they are read.
struct Bench<'it> {
    sources: &'it [Source],
    limits: &'it Limits,
}

impl Bench<'_> {
    /// Parses the sources at `indexes`; regorus knows each by its index, since a path may look like a part of its
    /// messages. Also gives the indexes of those that parse.
    fn parse(&self, indexes: impl IntoIterator<Item = usize>) -> (Engine, Vec<usize>, Vec<Finding>) {
        let mut engine = Engine::new();
        let bytes = self.limits.policy_file_bytes;
        // Also what regorus reads of its own is held against this bound, so ours is held here.
        let any = PolicyLengthConfig { max_file_bytes: NonZeroUsize::MAX, ..PolicyLengthConfig::default() };
        engine.set_policy_length_config(any);
        let (mut parsed, mut found) = (Vec::new(), Vec::new());
        for index in indexes {
            let text = self.sources.get(index).map_or("", Source::as_str);
            if u64::try_from(text.len()).unwrap_or(u64::MAX) > bytes {
                found.push(Finding { source: index, line: None, problem: Problem::TooLong(bytes) });
                continue;
            }
            if let Some(line) = nesting::too_deep(text) {
                found.push(Finding::invalid(index, line, Refusal::Nested));
                continue;
            }
            match engine.add_policy(index.to_string(), text.to_owned()) {
                Ok(_package) => parsed.push(index),
                Err(error) => {
                    found.push(Said::read(&error.to_string()).finding(index, Problem::Syntax));
                }
            }
        }
        (engine, parsed, found)
    }

    /// What regorus finds wrong with modules that parse. It stops at the first problem, so the package with it is left
    /// out and the others are looked at again.
    fn analyse(&self, modules: &[Module]) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut left: Vec<&Module> = modules.iter().collect();
        while let Some(first) = left.first() {
            let (mut engine, _, _) = self.parse(left.iter().map(|module| module.source));
            let Err(error) = prepare(&mut engine) else { break };
            let finding = Said::read(&error.to_string()).finding(first.source, Problem::Invalid);
            let broken = left.iter().find(|module| module.source == finding.source).unwrap_or(first);
            let package = broken.package.clone();
            left.retain(|module| module.package != package);
            found.push(finding);
        }
        found
    }
}

/// Makes `engine` ready to be cloned for each evaluation.
fn finish(engine: &mut Engine, tree: &Tree<'_>, limits: &Limits) -> Result<(), BoxError> {
    // What errs must not pass for undefined: `not` would make a yes of it.
    engine.set_strict_builtin_errors(true);
    let calls = tree.rules.iter().flat_map(|(_, rule)| &rule.calls);
    let called: Vec<&str> = calls.map(|call| call.written.as_str()).collect();
    bounded::bound(engine, &called, limits.policy_input_bytes)?;
    prepare(engine)
}

/// Has regorus analyse all modules, which it does before the first evaluation of anything.
fn prepare(engine: &mut Engine) -> Result<(), BoxError> {
    engine.eval_query("true".to_owned(), false)?;
    Ok(())
}
