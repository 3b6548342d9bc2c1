//! `cargo xtask test`: everything that has to hold before a change is taken.

use crate::failure::Failure;
use crate::needs;
use crate::report::Report;
use crate::run::{Run, repository};

/// Runs every check, the cheap ones first; the first one that fails ends it.
pub(crate) fn run() -> Result<(), Failure> {
    let mut report = Report::default();
    let outcome = checks(&mut report);
    report.print()?;
    outcome
}

fn checks(report: &mut Report) -> Result<(), Failure> {
    needs::ensure(needs::TEST)?;
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
        report.left_out("dependencies", "cargo-deny is not installed");
        return Ok(());
    }
    report.step("dependencies", || {
        // Reads the crates of every platform, also of those that no build here needed.
        Run::cargo().argument("fetch").run()?;
        Run::cargo().words("deny --offline check licenses bans sources").run()
    })
}

fn installed(subcommand: &str) -> bool {
    Run::cargo().argument(subcommand).argument("--version").answer().is_some()
}
