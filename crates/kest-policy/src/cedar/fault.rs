//! Says in Cedar's own words, on one line and with the line's number, what is wrong with a source.

use std::num::NonZeroUsize;

use cedar_policy::ffi::DetailedError;
use kest_core::BoxError;

use crate::load::{LoadError, Problem, Source};

/// What Cedar says about a text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(Box<str>);

/// `diagnostic` and everything that came with it, each as a problem with `source`.
pub(super) fn faults(
    source: &Source,
    diagnostic: impl Into<DetailedError>,
    problem: fn(BoxError) -> Problem,
) -> Vec<LoadError> {
    let mut faults = Vec::new();
    let mut said = vec![diagnostic.into()];
    while let Some(mut diagnostic) = said.pop() {
        said.extend(std::mem::take(&mut diagnostic.related).into_iter().rev());
        faults.push(fault(source, &diagnostic, problem));
    }
    faults
}

fn fault(source: &Source, diagnostic: &DetailedError, problem: fn(BoxError) -> Problem) -> LoadError {
    let place = diagnostic.source_locations.first();
    let mut words = diagnostic.message.clone();
    if let Some(expected) = place.and_then(|place| place.label.as_deref()) {
        words.push_str(": ");
        words.push_str(expected);
    }
    if let Some(help) = &diagnostic.help {
        words.push_str(" (");
        words.push_str(help);
        words.push(')');
    }
    let line = place.map_or(NonZeroUsize::MIN, |place| source.line_of(place.loc.start));
    at(source, line, problem(Said(one_line(&words).into()).into()))
}

/// `problem` of `source` in `line`.
pub(super) fn at(source: &Source, line: NonZeroUsize, problem: Problem) -> LoadError {
    LoadError::new(source.name(), problem).at_line(line)
}

/// `cause` makes the line that first has one of `texts`, the best first, invalid.
pub(super) fn invalid_near(source: &Source, texts: &[&str], cause: impl Into<BoxError>) -> LoadError {
    let offset = texts.iter().find_map(|text| source.as_str().find(text)).unwrap_or(0);
    at(source, source.line_of(offset), Problem::Invalid(cause.into()))
}

/// Messages quote the text, which may have anything in it.
fn one_line(words: &str) -> String {
    words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
