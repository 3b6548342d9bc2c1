//! `kest policy check`: every fault of a set of policies by file and line, or the policies that it has.

use std::path::PathBuf;

use kest_core::{Limits, SystemClock};
use kest_policy::{Configuration, LoadErrors};
use serde::Serialize;

use super::engines::{Compiled, Found};
use super::fault::Fault;
use super::sources::{self, Sources};
use crate::arguments::PolicyCheck;
use crate::escape::Escaped;
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

/// Checks the files as one set, as a deployment loads them.
pub(crate) fn run(arguments: &PolicyCheck) -> Result<Answer, Failure> {
    let limits = Limits::default();
    let mut paths = sources::find(&arguments.files)?;
    let (configurations, errors) = read_configurations(&paths, &limits)?;
    // What a configuration names belongs to the set as if it had been given.
    let named: Vec<_> = configurations.iter().flat_map(Configuration::files).cloned().collect();
    if !named.is_empty() {
        paths.extend(
            sources::find(&named)?.into_iter().filter(|path| !paths.contains(path)).collect::<Vec<_>>(),
        );
    }
    let sources = Sources::read(&paths, &limits)?;
    let mut compiled = Compiled::of(&sources, &limits);
    errors.iter().for_each(|errors| compiled.blame(errors));
    // It is unknown which policies files have that do not compile.
    if compiled.faults.is_empty() {
        for (configuration, source) in configurations.iter().zip(&sources.configurations) {
            compiled.blame_unknown(configuration, source, &arguments.known);
        }
    }
    let policies = compiled.policies(&sources, &limits);
    let checked = Checked { policies, problems: compiled.faults };
    let answer = if checked.problems.is_empty() { Answer::Yes } else { Answer::No };
    let mut output = Output::open();
    if arguments.json {
        output.json(&checked)?;
    } else {
        checked.write(&mut output)?;
    }
    output.flush()?;
    Ok(answer)
}

/// The deployment's configurations among `paths`; one that cannot be used names no files and no policies.
fn read_configurations(
    paths: &[PathBuf],
    limits: &Limits,
) -> Result<(Vec<Configuration>, Vec<LoadErrors>), Failure> {
    let mut errors = Vec::new();
    let is_toml = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let files: Vec<PathBuf> = paths.iter().filter(is_toml).cloned().collect();
    let sources = Sources::read(&files, limits)?;
    let configurations = sources.configurations.iter().map(|source| {
        Configuration::read(source, &SystemClock).unwrap_or_else(|found| {
            errors.push(found);
            Configuration::default()
        })
    });
    Ok((configurations.collect(), errors))
}

/// What is written with `--json`.
#[derive(Serialize)]
struct Checked {
    /// Those of the languages without a problem.
    policies: Vec<Found>,
    problems: Vec<Fault>,
}

impl Checked {
    fn write(&self, output: &mut Output) -> Result<(), Failure> {
        if !self.problems.is_empty() {
            self.problems.iter().for_each(|problem| output::note(&problem.to_string()));
            return Ok(());
        }
        if self.policies.is_empty() {
            output::say("there is no policy in what was checked");
        }
        let names = self.policies.iter().map(|policy| Escaped(&policy.name).to_string()).collect::<Vec<_>>();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        for (policy, name) in self.policies.iter().zip(names) {
            let file = Escaped(policy.file.as_deref().unwrap_or("-"));
            output.line(&format!("{name:width$}  {:5}  {file}", policy.engine))?;
        }
        Ok(())
    }
}
