//! `cargo xtask test`: everything that has to hold before a change is taken.

use crate::failure::Failure;
use crate::needs::{self, Setup};
use crate::report::Report;
use crate::run::{Run, repository};

/// Runs every check, the cheap ones first; the first one that fails ends it.
pub(crate) fn run(setup: Setup) -> Result<(), Failure> {
    let mut report = Report::default();
    let outcome = checks(&mut report, setup);
    report.print()?;
    outcome
}

fn checks(report: &mut Report, setup: Setup) -> Result<(), Failure> {
    needs::ensure(needs::TEST, setup)?;
    report.step("node packages", || {
        Run::program("npm").words("ci --no-audit --no-fund").inside(&repository().join("tests/node")).run()
    })?;
    report.step("format", || Run::cargo().words("fmt --all --check").run())?;
    report.step("lints", || {
        Run::cargo().words("clippy --workspace --all-targets --all-features -- -D warnings").run()
    })?;
    tests(report)?;
    report.step("doctests", || Run::cargo().words("test --workspace --all-features --doc").run())?;
    report.step("docs", || {
        Run::cargo()
            .words("doc --workspace --all-features --no-deps")
            .variable("RUSTDOCFLAGS", "-D warnings")
            .run()
    })?;
    dependencies(report)
}

fn tests(report: &mut Report) -> Result<(), Failure> {
    if installed("nextest") {
        return report.step("tests", || Run::cargo().words("nextest run --workspace --all-features").run());
    }
    report.step("tests", || {
        Run::cargo().words("test --workspace --all-features --lib --bins --tests --examples").run()
    })
}

fn dependencies(report: &mut Report) -> Result<(), Failure> {
    if !installed("deny") {
        let reason = "cargo-deny is not installed (cargo install --locked cargo-deny); CI runs it";
        report.left_out("dependencies", reason);
        report.left_out("advisories", reason);
        return Ok(());
    }
    report.step("dependencies", || {
        // Reads the crates of every platform, also of those that no build here needed.
        Run::cargo().argument("fetch").run()?;
        Run::cargo().words("deny --offline check licenses bans sources").run()
    })?;
    // The one check whose answer changes while the code does not: it needs the database of today.
    if Run::cargo().words("deny fetch db").answer().is_none() {
        report.left_out("advisories", "the advisory database cannot be fetched; CI runs it");
        return Ok(());
    }
    report.step("advisories", || Run::cargo().words("deny check --disable-fetch advisories").run())
}

fn installed(subcommand: &str) -> bool {
    Run::cargo().argument(subcommand).argument("--version").answer().is_some()
}
