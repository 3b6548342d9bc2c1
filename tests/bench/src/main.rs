//! Prints what Kest costs, as ratios to bare operations measured in the same run.

mod audit;
mod claims;
mod decisions;
mod entries;
mod hops;
mod identity;
mod inflate;
mod library;
mod proofs;
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
    let Err(error) = run(&arguments) else {
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

type Measure<'it> = &'it dyn Fn() -> Result<Chapter, BoxError>;

/// Measures one chapter after the other, all or those that are named; tables are printed as they come, JSON at the end.
fn run(arguments: &[String]) -> Result<(), BoxError> {
    let (form, wanted) = match arguments {
        [first, names @ ..] if first == "--json" => (Form::Json, names),
        names => (Form::Tables, names),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let company = runtime.block_on(Company::new())?;
    let chapters: [(&str, Measure<'_>); 16] = [
        ("one_entry", &|| entries::one(&company, &runtime)),
        ("many_entries", &|| entries::many(&company, &runtime)),
        ("tiers", &|| tiers::measure(&company, &runtime)),
        ("tier_ends", &|| tiers::ends(&company, &runtime)),
        ("claims", &|| claims::measure(&company, &runtime)),
        ("policy_library", &|| library::measure(&company, &runtime)),
        ("policy_decisions", &|| decisions::measure(&company, &runtime)),
        ("requests", &|| requests::measure(&company)),
        ("requests_with_policies", &|| requests::with_policies(&company)),
        ("whole_requests", &|| hops::routes(&company, &runtime)),
        ("outbound_calls", &|| hops::calls(&company, &runtime)),
        ("hop_proofs", &|| proofs::measure(&company, &runtime)),
        ("audit", &|| audit::measure(&company)),
        ("token_validations", &|| identity::validations(&runtime)),
        ("identity_in_trouble", &identity::in_trouble),
        ("inflate_bomb", &inflate::measure),
    ];
    let names = chapters.map(|(name, _measure)| name);
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        let names = names.join(" ");
        let usage = "usage: cargo xtask bench [--json] [CHAPTER ..]";
        return Err(format!("no chapter {unknown}; {usage}, of {names}").into());
    }
    let mut out = std::io::stdout().lock();
    let mut all = Map::new();
    for (name, measure) in chapters {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let chapter = measure()?;
        match form {
            Form::Tables => writeln!(out, "{}", chapter.shown())?,
            Form::Json => drop(all.insert(name.to_owned(), chapter.to_json())),
        }
        out.flush()?;
    }
    if form == Form::Json {
        writeln!(out, "{}", Value::Object(all))?;
    }
    Ok(())
}
