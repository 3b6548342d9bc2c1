//! The policy library: of every policy, its Cedar and its Rego twin and a plain model of it say the same.

mod agreement;
mod attacks;
mod generator;
mod model;
mod mutants;
mod random;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_core::entry::PolicyName;
use kest_policy::cedar::Cedar;
use kest_policy::rego::Rego;
use kest_policy::{Engine, EngineError, Input, Source, Verdict};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

const NAMES: [&str; 8] = [
    "kest/trust_threshold",
    "kest/forbidden_taints",
    "kest/required_user_and_scope",
    "kest/bell_lapadula",
    "kest/biba",
    "kest/brewer_nash",
    "kest/clark_wilson",
    "kest/goguen_meseguer",
];

/// One policy, in both languages or in one.
struct Twins {
    name: &'static str,
    policy: PolicyName,
    engines: Vec<Arc<dyn Engine>>,
    limits: Limits,
    runtime: Runtime,
}

/// What everybody says about one document.
#[derive(Debug)]
struct Opinions {
    /// In the order of the sources: Cedar, then Rego.
    engines: Vec<Result<Verdict, EngineError>>,
    model: bool,
}

impl Opinions {
    /// What they all say; `None` when they differ. An error allows nothing, as a denial.
    fn agreed(&self) -> Option<bool> {
        let mut allowed = self.engines.iter().map(|it| matches!(it, Ok(Verdict::Allow)));
        allowed.all(|allowed| allowed == self.model).then_some(self.model)
    }
}

impl Twins {
    /// The policy called `name` as it stands in the library.
    fn of(name: &'static str) -> Self {
        Self::from_sources(name, [file(name, "cedar"), file(name, "rego")])
    }

    fn from_sources(name: &'static str, sources: impl IntoIterator<Item = Source>) -> Self {
        let mut limits = Limits::default();
        // A busy machine must not decide what is compared here.
        limits.policy_evaluation = Duration::from_secs(60);
        Self {
            name,
            policy: PolicyName::new(name).unwrap(),
            engines: sources.into_iter().map(|source| engine(source, &limits)).collect(),
            limits,
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn opinions(&self, document: &Value) -> Opinions {
        let input = Input::from_json(document.to_string().as_bytes(), &self.limits).unwrap();
        let said = |engine: &Arc<dyn Engine>| self.runtime.block_on(engine.evaluate(&self.policy, &input));
        Opinions {
            engines: self.engines.iter().map(said).collect(),
            model: model::allows(self.name, document),
        }
    }
}

fn engine(source: Source, limits: &Limits) -> Arc<dyn Engine> {
    match source.extension() {
        Some("cedar") => {
            let schema = Source::read(&folder().join("kest.cedarschema"), limits).unwrap();
            Arc::new(Cedar::compile(&[source], Some(&schema), limits).unwrap())
        }
        Some("rego") => Arc::new(Rego::compile(&[source], limits).unwrap()),
        other => panic!("no engine for {other:?}"),
    }
}

pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("policies")
}

/// The file of a policy in one language: `kest/biba` is `cedar/biba.cedar` and `rego/biba.rego`.
fn file(name: &str, language: &str) -> Source {
    let file = format!("{}.{language}", name.strip_prefix("kest/").unwrap());
    Source::read(&folder().join(language).join(file), &Limits::default()).unwrap()
}
