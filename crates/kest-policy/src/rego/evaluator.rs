//! Evaluates one rule within a time, with an engine that was used before when there is one.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{LimitError, Value};

use super::problem::Said;
use crate::load::Source;

/// Modules that are parsed and analysed.
pub(super) struct Evaluator {
    /// Never evaluates anything; the others are its clones and share its modules.
    first: regorus::Engine,
    /// Engines that have room for their variables already: making it costs more than most policies, and the more the
    /// more modules there are.
    idle: Mutex<Vec<regorus::Engine>>,
    /// How many engines may be idle.
    most: usize,
    sources: Vec<Source>,
}

/// A rule has no value because evaluating it went wrong.
///
/// What regorus says is left out, since it quotes the values that it met.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("policy computes for longer than {0:?}")]
    Time(Duration),
    #[error("policy errs at {0}:{1}")]
    Rule(Arc<str>, NonZeroUsize),
    #[error("policy errs")]
    Engine,
    #[error("policy engine panicked")]
    Panic,
}

impl Evaluator {
    /// `first` must be prepared: a clone of one that is not would prepare itself.
    pub(super) fn new(first: regorus::Engine, sources: Vec<Source>, most: usize) -> Self {
        Self { first, idle: Mutex::default(), most, sources }
    }

    /// The value of the rule at `entry`.
    pub(super) fn value(&self, entry: &str, input: Value, time: Duration) -> Result<Value, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut engine = idle.unwrap_or_else(|| self.first.clone());
        engine.set_execution_timer_config(ExecutionTimerConfig { limit: time, check_interval: STEPS });
        engine.set_input(input);
        // An engine that did not come to an end may still hold what was interrupted, and is not used again.
        match catch_unwind(AssertUnwindSafe(|| engine.eval_rule(entry.to_owned()))) {
            Ok(Ok(value)) => {
                self.keep(engine);
                Ok(value)
            }
            Ok(Err(error)) if error.is::<LimitError>() => Err(Fault::Time(time)),
            Ok(Err(error)) => Err(self.fault(&error.to_string(), time)),
            Err(_panic) => Err(Fault::Panic),
        }
    }

    fn keep(&self, mut engine: regorus::Engine) {
        engine.set_input(Value::Undefined);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push(engine);
        }
    }

    fn fault(&self, message: &str, time: Duration) -> Fault {
        // Inside of a function, regorus makes a text of every error.
        if message.starts_with(TIME_EXCEEDED) {
            return Fault::Time(time);
        }
        let said = Said::read(message);
        match (said.module.and_then(|index| self.sources.get(index)), said.line) {
            (Some(source), Some(line)) => Fault::Rule(source.name().into(), line),
            _ => Fault::Engine,
        }
    }
}

impl fmt::Debug for Evaluator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Evaluator").finish_non_exhaustive()
    }
}

/// Steps between two looks at the time: a fraction of a microsecond's worth each.
const STEPS: NonZeroU32 = NonZeroU32::new(16).unwrap();

const TIME_EXCEEDED: &str = "execution exceeded time limit";
