//! What can be wrong with a module, where it is, and what regorus says about it in one line.

use std::num::NonZeroUsize;

use kest_core::BoxError;

use crate::load::{LoadError, Problem, Source};

/// A problem and its place among the sources.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) source: usize,
    pub(super) line: Option<NonZeroUsize>,
    pub(super) problem: Problem,
}

impl Finding {
    /// `refusal` at `line` of the source at index `source`.
    pub(super) fn invalid(source: usize, line: NonZeroUsize, refusal: Refusal) -> Self {
        Self { source, line: Some(line), problem: Problem::Invalid(refusal.into()) }
    }

    /// Names the source.
    pub(super) fn of(self, sources: &[Source]) -> LoadError {
        let name = sources.get(self.source).map_or("", Source::name);
        let error = LoadError::new(name, self.problem);
        match self.line {
            Some(line) => error.at_line(line),
            None => error,
        }
    }
}

/// A module is good Rego and still cannot be decided by.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("calls {0}, whose answer is not in the input")]
    Fickle(String),
    #[error("calls {0}, which has an effect outside of the decision")]
    Effect(String),
    #[error("calls {0}, whose work has no bound")]
    Unbounded(String),
    #[error("calls {0}, which is not defined")]
    UnknownFunction(String),
    #[error("refers to {0}, which no module defines")]
    Undefined(String),
    #[error("refers to {0}, which the input does not have")]
    NoSuchInput(String),
    #[error("replaces {0}, and only the input can be replaced")]
    Replaced(String),
    #[error("imports {0} under a name that its package uses for something else")]
    Alias(String),
    #[error("nests too deep")]
    Nested,
    #[error("rule {0} depends on itself")]
    Recursive(String),
    #[error("rule {0} and what it depends on nest too deep")]
    Deep(String),
    #[error("rule allow has parameters")]
    Parameters,
}

/// What regorus says, taken apart: its messages are several lines with a drawing of the place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) module: Option<usize>,
    pub(super) line: Option<NonZeroUsize>,
    pub(super) text: String,
}

impl Said {
    /// Reads a message about modules that are called by their index.
    pub(super) fn read(message: &str) -> Self {
        let place = message.lines().find_map(|line| line.strip_prefix("--> "));
        let mut numbers = place.into_iter().flat_map(|place| place.rsplit(':')).skip(1);
        let line = numbers.next().and_then(|line| line.parse().ok());
        let module = numbers.next().and_then(|module| module.parse().ok());
        let marked = message.lines().find_map(|line| line.strip_prefix("error: "));
        let text = marked.unwrap_or_else(|| {
            // Without a place, it begins with what the module is called: its index.
            let first = message.lines().find(|line| !line.is_empty()).unwrap_or_default();
            first.trim_start_matches(|it: char| it.is_ascii_digit() || it == ':').trim_start()
        });
        Self { module, line, text: text.trim_end_matches(['.', ':']).to_owned() }
    }

    /// The finding that it is about the module at `source`, unless it says another one.
    pub(super) fn finding(self, source: usize, kind: fn(BoxError) -> Problem) -> Finding {
        Finding { source: self.module.unwrap_or(source), line: self.line, problem: kind(self.text.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_with_a_drawing_becomes_module_line_and_one_line_of_text() {
        let message = "\n--> 7:3:2\n  |\n3 |  y > 3\n  |  ^\nerror: use of undefined variable `y` is unsafe";
        let said = Said::read(message);
        assert_eq!((said.module, said.line), (Some(7), NonZeroUsize::new(3)));
        assert_eq!(said.text, "use of undefined variable `y` is unsafe");
    }

    #[test]
    fn message_without_a_place_keeps_its_text_and_loses_the_index() {
        let said = Said::read("12 exceeds maximum allowed line count 20000");
        assert_eq!((said.module, said.line), (None, None));
        assert_eq!(said.text, "exceeds maximum allowed line count 20000");
    }
}
