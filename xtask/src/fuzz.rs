//! `cargo xtask fuzz`: builds every fuzz target with stable Rust and runs each for a few seconds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::needs;
use crate::report::Report;
use crate::run::{Run, repository, say};
use crate::seeds;

/// Runs every target; the first one that finds something ends it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let seconds = seconds(arguments)?;
    let targets = targets(&home().join("fuzz_targets"))?;
    needs::ensure(needs::FUZZ)?;
    let programs = build()?;
    let mut report = Report::default();
    let outcome = targets
        .iter()
        .try_for_each(|target| report.step(target, || fuzz(target, &programs.join(target), seconds)));
    report.print()?;
    outcome
}

fn seconds(arguments: &[String]) -> Result<u32, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(DEFAULT_SECONDS),
        ["--seconds", number] => match number.parse() {
            // libFuzzer takes 0 for "without end".
            Ok(0) | Err(_) => Err(Failure::Usage(format!("not a number of seconds above 0: {number}"))),
            Ok(seconds) => Ok(seconds),
        },
        _ => Err(Failure::Usage(format!("fuzz does not take these arguments: {}", words.join(" ")))),
    }
}

/// Every file in `fuzz_targets` is a target of the same name.
fn targets(folder: &Path) -> Result<Vec<String>, Failure> {
    let broken = || format!("cannot read {}", folder.display());
    let mut names = Vec::new();
    for found in fs::read_dir(folder).map_err(Failure::broken(broken()))? {
        let path = found.map_err(Failure::broken(broken()))?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    if names.is_empty() {
        return Err(Failure::Missing(format!("no fuzz targets in {}", folder.display())));
    }
    names.sort();
    Ok(names)
}

/// Builds all targets and gives the folder they lie in.
fn build() -> Result<PathBuf, Failure> {
    let triple = host()?;
    let folder = home().join("target");
    Run::cargo()
        .words("build --release --manifest-path tests/fuzz/Cargo.toml --target-dir tests/fuzz/target")
        // With a target named, build scripts and procedural macros stay without instrumentation.
        .words(&format!("--target {triple}"))
        .variable("RUSTFLAGS", INSTRUMENTATION)
        .without_variable("CARGO_ENCODED_RUSTFLAGS")
        .without_variable("CARGO_TARGET_DIR")
        .run()?;
    Ok(folder.join(triple).join("release"))
}

fn host() -> Result<String, Failure> {
    let version = Run::program("rustc").argument("-vV").answer().unwrap_or_default();
    let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
    triple.map(str::to_owned).ok_or_else(|| Failure::Missing("rustc does not name its host".to_owned()))
}

fn fuzz(target: &str, program: &Path, seconds: u32) -> Result<(), Failure> {
    let home = home();
    let artifacts = home.join("artifacts").join(target);
    fs::create_dir_all(&artifacts)
        .map_err(Failure::broken(format!("cannot make {}", artifacts.display())))?;
    let count = seeds::fill(target, &home.join("corpus").join(target))?;
    say(format_args!("\n{target}: {count} seeds"))?;
    // Without the address sanitizer libFuzzer does not see what `memcmp` compares: the words have to be given.
    let words = format!("dictionaries/{target}.dict");
    let dictionary = home.join(&words).is_file().then(|| format!("-dict={words}"));
    Run::program(program)
        .words(&dictionary.unwrap_or_default())
        .argument(format!("-max_total_time={seconds}"))
        .argument(format!("-max_len={}", longest(target)))
        .words("-rss_limit_mb=2048 -timeout=10 -print_final_stats=1 -verbosity=0")
        .argument(format!("-artifact_prefix=artifacts/{target}/"))
        .argument(format!("corpus/{target}"))
        .inside(&home)
        .run()
}

/// Bytes of input: room for what is allowed and for some more, little enough to be fast.
fn longest(target: &str) -> usize {
    match target {
        "jwt_header" => 4_096,
        "header" | "entry" | "dpop_proof" => 16_384,
        _ => 65_536,
    }
}

fn home() -> PathBuf {
    repository().join("tests/fuzz")
}

const DEFAULT_SECONDS: u32 = 5;

/// What cargo-fuzz passes to rustc, less the address sanitizer, which needs a nightly toolchain.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1";

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Option<u32> {
        let arguments: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        seconds(&arguments).ok()
    }

    #[test]
    fn seconds_are_five_unless_a_number_is_given() {
        assert_eq!(given(&[]), Some(5));
        assert_eq!(given(&["--seconds", "60"]), Some(60));
    }

    #[test]
    fn fuzzing_without_end_is_refused() {
        for words in [&["--seconds", "0"][..], &["--seconds"], &["--seconds", "-1"], &["header"]] {
            assert_eq!(given(words), None, "{words:?}");
        }
    }

    #[test]
    fn folder_without_targets_is_an_error() {
        assert!(matches!(targets(&repository().join("xtask")), Err(Failure::Missing(_))));
    }
}
