//! Prints what Kest costs, as ratios to bare operations measured in the same run.

mod claims;
mod decisions;
mod entries;
mod identity;
mod inflate;
mod library;
mod report;
mod requests;
mod rig;
mod stopwatch;
mod tiers;

use std::io::Write as _;
use std::process::ExitCode;

use kest::core::BoxError;
use serde_json::{Map, Value};

use crate::report::Chapter;
use crate::rig::Company;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => run(Form::Tables),
        ["--json"] => run(Form::Json),
        _ => Err("usage: cargo xtask bench [--json]".into()),
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    // With standard error closed nothing is left to say it to; the exit code still does.
    drop(writeln!(std::io::stderr(), "kest-bench: {error}"));
    ExitCode::FAILURE
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Tables,
    Json,
}

/// Measures one chapter after the other; tables are printed as they come, JSON at the end.
fn run(form: Form) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let company = runtime.block_on(Company::new())?;
    let chapters: [&dyn Fn() -> Result<Chapter, BoxError>; 12] = [
        &|| entries::one(&company, &runtime),
        &|| entries::many(&company, &runtime),
        &|| tiers::measure(&company, &runtime),
        &|| tiers::ends(&company, &runtime),
        &|| claims::measure(&company, &runtime),
        &|| library::measure(&company, &runtime),
        &|| decisions::measure(&company, &runtime),
        &|| requests::measure(&company),
        &|| requests::with_policies(&company),
        &|| identity::validations(&runtime),
        &identity::in_trouble,
        &inflate::measure,
    ];
    let mut out = std::io::stdout().lock();
    let mut all = Map::new();
    for measure in chapters {
        let chapter = measure()?;
        match form {
            Form::Tables => writeln!(out, "{}", chapter.shown())?,
            Form::Json => drop(all.insert(chapter.key.to_owned(), chapter.to_json())),
        }
        out.flush()?;
    }
    if form == Form::Json {
        writeln!(out, "{}", Value::Object(all))?;
    }
    Ok(())
}
