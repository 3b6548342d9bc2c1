//! `kest policy input`: an input document to try policies with, and what each of its members means.

use kest_core::Limits;
use kest_policy::Input;
use kest_policy::input::{InputError, Member};
use serde_json::Value;

use super::failure::PolicyError;
use crate::arguments::PolicyInput;
use crate::failure::{Answer, Failure};
use crate::output::{self, Output};

/// Writes the document to standard output and, for people, the explanations to standard error.
pub(crate) fn run(arguments: &PolicyInput) -> Result<Answer, Failure> {
    let mut output = Output::open();
    let input = Input::example(&Limits::default()).map_err(PolicyError::Input)?;
    if arguments.json {
        output.line(input.canonical())?;
    } else {
        explain();
        let document: Value = serde_json::from_str(input.canonical())
            .map_err(|cause| PolicyError::Input(InputError::Malformed(cause.into())))?;
        output.line(&format!("{document:#}"))?;
    }
    output.flush()?;
    Ok(Answer::Yes)
}

fn explain() {
    let mut rows = Vec::new();
    collect("", Input::members(), &mut rows);
    let width = |column: fn(&Row) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (path, form) = (width(|row| row.path.len()), width(|row| row.member.form.as_str().len()));
    for Row { path: name, member } in &rows {
        output::note(&format!("{name:path$}  {:form$}  {}", member.form.as_str(), member.meaning()));
    }
}

/// One line: a member, and the names that lead to it.
struct Row {
    path: String,
    member: Member,
}

fn collect(above: &str, members: &[Member], rows: &mut Vec<Row>) {
    for member in members {
        let path = format!("{above}{}", member.name);
        let below = format!("{path}.");
        rows.push(Row { path, member: *member });
        collect(&below, member.form.members(), rows);
    }
}
