//! Reads the input as leniently as the library allows and shows it under a warning.

use kest_core::{Dialect, Limits, UnverifiedPassport};
use serde::Serialize;

use super::claimed::Claimed;
use super::table;
use crate::arguments;
use crate::carried::{self, Announcement, Form};
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::output::{self, Output};

const WARNING: &str = "NOT VERIFIED: anybody can have written this; use `kest verify` to prove it";

/// Shows the input; what is no passport at all is refused.
pub(crate) async fn run(arguments: arguments::Inspect) -> Result<Answer, Failure> {
    let limits = carried::limits();
    let form = Form::flagged(arguments.baggage);
    let input = form.read(&Source::named(arguments.file), &limits)?;
    output::say(WARNING);
    let shown = match restore(form, &input, &limits).await {
        Ok(passport) => Shown::entries(passport.as_ref()),
        Err(kind) => Shown::nothing(kind),
    };
    let mut output = Output::open();
    if arguments.json {
        output.json(&shown)?;
    } else {
        output.line(WARNING)?;
        write_text(&mut output, &shown)?;
    }
    output.flush()?;
    Ok(if shown.kind.is_none() { Answer::Yes } else { Answer::No })
}

/// The passport in strict reading, else in the legacy one.
async fn restore(
    form: Form,
    input: &[u8],
    limits: &Limits,
) -> Result<Option<UnverifiedPassport>, &'static str> {
    let read = |dialect| form.carried(input, limits).restore(dialect, Announcement::Optional, limits);
    match read(Dialect::Strict).await {
        Err(kind) => match read(Dialect::LegacyPython).await {
            Ok(passport) => {
                output::say("input needs --dialect legacy-python");
                Ok(passport)
            }
            Err(_) => Err(kind),
        },
        restored => restored,
    }
}

fn write_text(output: &mut Output, shown: &Shown) -> Result<(), Failure> {
    match (shown.kind, shown.entries.as_deref()) {
        (Some(kind), _) => output.line(&format!("no passport: {kind}"))?,
        (None, None | Some([])) => output.line("no entries")?,
        (None, Some(entries)) => {
            for row in table::rows(entries) {
                output.line(&row)?;
            }
        }
    }
    Ok(())
}

/// What is written with `--json`.
#[derive(Serialize)]
struct Shown {
    /// Never true: it stands here for readers who keep the object and forget where it came from.
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Claimed>>,
}

impl Shown {
    fn entries(passport: Option<&UnverifiedPassport>) -> Self {
        let compacts = passport.into_iter().flat_map(UnverifiedPassport::dangerous_entries);
        let entries = compacts.enumerate().map(|(index, compact)| Claimed::read(index, compact)).collect();
        Self { verified: false, kind: None, entries: Some(entries) }
    }

    fn nothing(kind: &'static str) -> Self {
        Self { verified: false, kind: Some(kind), entries: None }
    }
}
