//! The engines of the languages that the sources are in.

use std::collections::BTreeSet;

use kest_core::Limits;
use kest_core::entry::{PolicyName, PolicyTier};
use kest_policy::cedar::Cedar;
use kest_policy::load::Problem;
use kest_policy::rego::Rego;
use kest_policy::{Configuration, Engine, LoadError, LoadErrors, Source};
use serde::Serialize;

use super::fault::Fault;
use super::homes::Homes;
use super::sources::Sources;

/// What came of compiling: an engine for each language that compiles, and everything that is wrong.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) engines: Vec<Box<dyn Engine>>,
    pub(crate) faults: Vec<Fault>,
}

/// A policy and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) engine: &'static str,
    /// The first of them when there are several.
    pub(crate) file: Option<String>,
}

impl Compiled {
    /// Compiles the policies among `sources`.
    pub(crate) fn of(sources: &Sources, limits: &Limits) -> Self {
        let faults = sources.problems.iter().map(Fault::from).collect();
        let mut compiled = Self { engines: Vec::new(), faults };
        // A schema alone is worth checking too.
        if !sources.cedar.is_empty() || sources.schema.is_some() {
            compiled.add(Cedar::compile(&sources.cedar, sources.schema.as_ref(), limits));
        }
        if !sources.rego.is_empty() {
            compiled.add(Rego::compile(&sources.rego, limits));
        }
        compiled.blame_twins(sources, limits);
        compiled
    }

    /// Adds the faults that another step found.
    pub(crate) fn blame(&mut self, errors: &LoadErrors) {
        self.faults.extend(errors.iter().map(Fault::from));
    }

    /// The policies of all engines, and which of `sources` they are in.
    pub(crate) fn policies(&self, sources: &Sources, limits: &Limits) -> Vec<Found> {
        let homes = Homes::of(sources, limits);
        let mut policies = Vec::new();
        for engine in &self.engines {
            policies.extend(engine.names().iter().map(|name| Found {
                name: name.as_str().to_owned(),
                engine: engine.kind(),
                file: homes.file(engine.kind(), name).map(str::to_owned),
            }));
        }
        policies
    }

    /// What the tiers name has to be in the files, or known elsewhere: to a sidecar, or to code.
    pub(crate) fn blame_unknown(
        &mut self,
        configuration: &Configuration,
        source: &Source,
        elsewhere: &[String],
    ) {
        let known: BTreeSet<PolicyName> = self.engines.iter().flat_map(|engine| engine.names()).collect();
        let named = PolicyTier::ALL.into_iter().flat_map(|tier| configuration.tier(tier));
        for name in named {
            if !known.contains(name) && !elsewhere.iter().any(|other| other == name.as_str()) {
                let problem = Problem::UnknownPolicy(name.clone());
                self.faults.push(Fault::from(&LoadError::new(source.name(), problem)));
            }
        }
    }

    /// A name means one policy, whatever the language.
    fn blame_twins(&mut self, sources: &Sources, limits: &Limits) {
        let [first, second] = self.engines.as_slice() else {
            return;
        };
        let taken = first.names();
        let twins: Vec<PolicyName> = second.names().into_iter().filter(|name| taken.contains(name)).collect();
        if twins.is_empty() {
            return;
        }
        let homes = Homes::of(sources, limits);
        let errors = twins.into_iter().map(|name| {
            let file = homes.file(second.kind(), &name).unwrap_or_else(|| second.kind());
            LoadError::new(file, Problem::Twice(name))
        });
        self.faults.extend(errors.map(|error| Fault::from(&error)));
    }

    fn add<Compiling: Engine + 'static>(&mut self, result: Result<Compiling, LoadErrors>) {
        match result {
            Ok(engine) => self.engines.push(Box::new(engine)),
            Err(errors) => self.blame(&errors),
        }
    }
}
