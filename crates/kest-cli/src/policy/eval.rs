//! `kest policy eval`: asks one policy about one input document.

use kest_core::Limits;
use kest_core::entry::PolicyName;
use kest_policy::{Engine, Input, Verdict};
use serde::Serialize;

use super::engines::Compiled;
use super::failure::PolicyError;
use super::sources::Sources;
use crate::arguments::PolicyEval;
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::output::{self, Output};

/// Asks the policy and writes what it decides.
pub(crate) async fn run(arguments: &PolicyEval) -> Result<Answer, Failure> {
    let limits = Limits::default();
    let engines = compile(arguments, &limits)?;
    let engine = choose(&engines, &arguments.name)?;
    let input = Source::named(Some(arguments.input.clone())).read(limits.policy_input_bytes)?;
    let input = Input::from_json(&input, &limits).map_err(PolicyError::Input)?;
    let decided = Decided::by(engine, &arguments.name, &input).await;
    let mut output = Output::open();
    if arguments.json {
        output.json(&decided)?;
    } else {
        output.line(decided.decision.as_str())?;
        if let Some(reason) = &decided.reason {
            output::say(reason);
        }
    }
    output.flush()?;
    Ok(decided.decision.answer())
}

/// The engines of the policies, none of which may have a fault.
fn compile(arguments: &PolicyEval, limits: &Limits) -> Result<Vec<Box<dyn Engine>>, PolicyError> {
    let mut sources = Sources::read(&arguments.policies, limits)?;
    if let Some(schema) = &arguments.schema {
        sources.read_schema(schema, limits)?;
    }
    let Compiled { engines, faults } = Compiled::of(&sources, limits);
    if faults.is_empty() {
        return Ok(engines);
    }
    faults.iter().for_each(|fault| output::note(&fault.to_string()));
    Err(PolicyError::Broken)
}

/// The engine that has the policy; a name that two have was a fault already.
fn choose<'it>(engines: &'it [Box<dyn Engine>], name: &PolicyName) -> Result<&'it dyn Engine, PolicyError> {
    match engines.iter().find(|engine| engine.names().contains(name)) {
        Some(engine) => Ok(engine.as_ref()),
        None => {
            let known = engines.iter().flat_map(|engine| engine.names()).collect();
            Err(PolicyError::UnknownName { name: name.clone(), known })
        }
    }
}

/// What is written with `--json`.
#[derive(Serialize)]
struct Decided<'it> {
    name: &'it str,
    engine: &'static str,
    decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'it> Decided<'it> {
    async fn by(engine: &dyn Engine, name: &'it PolicyName, input: &Input) -> Self {
        let (decision, reason) = match engine.evaluate(name, input).await {
            Ok(Verdict::Allow) => (Decision::Allow, None),
            Ok(Verdict::Deny) => (Decision::Deny, None),
            Err(error) => (Decision::Error, Some(output::with_causes(&error))),
        };
        Self { name: name.as_str(), engine: engine.kind(), decision, reason }
    }
}

/// What a policy comes to for a request: only the first lets it pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Allow,
    Deny,
    Error,
}

impl Decision {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Error => "error",
        }
    }

    fn answer(self) -> Answer {
        match self {
            Self::Allow => Answer::Yes,
            Self::Deny | Self::Error => Answer::No,
        }
    }
}
