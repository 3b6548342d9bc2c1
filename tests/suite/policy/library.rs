//! The policy library: of every policy, its Cedar and its Rego twin and a plain model of it say the same.

mod agreement;
mod attacks;
mod generator;
mod model;
mod mutants;
mod random;

use std::path::PathBuf;
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

/// One policy in both languages.
struct Twins {
    name: &'static str,
    policy: PolicyName,
    cedar: Cedar,
    rego: Rego,
    limits: Limits,
    runtime: Runtime,
}

/// What everybody says about one document.
#[derive(Debug)]
struct Opinions {
    cedar: Result<Verdict, EngineError>,
    rego: Result<Verdict, EngineError>,
    model: bool,
}

impl Opinions {
    /// What they all say; `None` when they differ. An error allows nothing, as a denial.
    fn agreed(&self) -> Option<bool> {
        let [cedar, rego] = [&self.cedar, &self.rego].map(|it| matches!(it, Ok(Verdict::Allow)));
        (cedar == self.model && rego == self.model).then_some(self.model)
    }
}

impl Twins {
    /// The policy called `name` as it stands in the library.
    fn of(name: &'static str) -> Self {
        Self::from_sources(name, file(name, "cedar"), file(name, "rego"))
    }

    fn from_sources(name: &'static str, cedar: Source, rego: Source) -> Self {
        let mut limits = Limits::default();
        // A busy machine must not decide what is compared here.
        limits.policy_evaluation = Duration::from_secs(60);
        let schema = Source::read(&folder().join("kest.cedarschema"), &limits).unwrap();
        Self {
            name,
            policy: PolicyName::new(name).unwrap(),
            cedar: Cedar::compile(&[cedar], Some(&schema), &limits).unwrap(),
            rego: Rego::compile(&[rego], &limits).unwrap(),
            limits,
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn opinions(&self, document: &Value) -> Opinions {
        let input = Input::from_json(document.to_string().as_bytes(), &self.limits).unwrap();
        self.runtime.block_on(async {
            Opinions {
                cedar: self.cedar.evaluate(&self.policy, &input).await,
                rego: self.rego.evaluate(&self.policy, &input).await,
                model: model::allows(self.name, document),
            }
        })
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("policies")
}

/// The file of a policy in one language: `kest/biba` is `cedar/biba.cedar` and `rego/biba.rego`.
fn file(name: &str, language: &str) -> Source {
    let file = format!("{}.{language}", name.strip_prefix("kest/").unwrap());
    Source::read(&folder().join(language).join(file), &Limits::default()).unwrap()
}
