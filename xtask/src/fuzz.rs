//! `cargo xtask fuzz`: builds every fuzz target with stable Rust and runs each for as long as it is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::cpu;
use crate::failure::Failure;
use crate::needs::{self, Setup};
use crate::options::Options;
use crate::run::{Run, Started, repository, say, tell};
use crate::seeds;
use crate::work::{Ledger, Work, executions};

/// Runs the targets one after the other; the first one that finds something ends it. What is found stays in the corpus.
pub(crate) fn run(arguments: &[String], setup: Setup) -> Result<(), Failure> {
    let all = targets(&home().join("fuzz_targets"))?;
    let asked = Asked::parse(arguments, &all)?;
    needs::ensure(needs::FUZZ, setup)?;
    let programs = build()?;
    let corpus = home().join("corpus");
    fs::create_dir_all(&corpus).map_err(Failure::broken(format!("cannot make {}", corpus.display())))?;
    let path = corpus.join("ledger.json");
    let mut ledger = Ledger::open(&path)?;
    let outcome = asked.targets.iter().try_for_each(|target| {
        let work = fuzz(&home(), target, &programs.join(target), &asked)?;
        ledger.add(&path, target, work, inputs(&corpus.join(target))?)
    });
    if asked.json {
        say(ledger.to_json())?
    } else {
        say(format_args!("\n{}", ledger.table()))?
    }
    outcome
}

/// What the command line asks for.
#[derive(Debug)]
struct Asked {
    seconds: u32,
    jobs: u32,
    targets: Vec<String>,
    json: bool,
}

impl Asked {
    fn parse(arguments: &[String], all: &[String]) -> Result<Self, Failure> {
        let mut options = Options::of("fuzz", arguments);
        let json = options.flag("--json");
        let seconds = options.number("--seconds", DEFAULT_SECONDS)?;
        let jobs = options.number("--jobs", 1)?;
        let named = options.values("--target")?;
        if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
            return Err(Failure::Usage(format!("no such fuzz target: {unknown} ({})", all.join(", "))));
        }
        if let Some(word) = options.words()?.first() {
            return Err(Failure::Usage(format!("fuzz takes no such argument: {word}")));
        }
        let targets = if named.is_empty() { all.to_vec() } else { named };
        Ok(Self { seconds, jobs, targets, json })
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

/// Several processes share one corpus: each reads again what the others found.
fn fuzz(home: &Path, target: &str, program: &Path, asked: &Asked) -> Result<Work, Failure> {
    let artifacts = home.join("artifacts").join(target);
    fs::create_dir_all(&artifacts)
        .map_err(Failure::broken(format!("cannot make {}", artifacts.display())))?;
    let count = seeds::fill(target, &home.join("corpus").join(target))?;
    tell(format_args!("\n{target}: {count} seeds, {} s in {} processes", asked.seconds, asked.jobs))?;
    // Without the address sanitizer libFuzzer does not see what `memcmp` compares: the words have to be given.
    let words = format!("dictionaries/{target}.dict");
    let dictionary = home.join(&words).is_file().then(|| format!("-dict={words}"));
    let before = cpu::of_children();
    let began = Instant::now();
    let started: Vec<Started> = (0..asked.jobs)
        .map(|job| {
            Run::program(program)
                .words(dictionary.as_deref().unwrap_or_default())
                .argument(format!("-max_total_time={}", asked.seconds))
                .argument(format!("-max_len={}", longest(target)))
                .words("-rss_limit_mb=2048 -timeout=10 -print_final_stats=1 -verbosity=0 -reload=1")
                .argument(format!("-artifact_prefix=artifacts/{target}/"))
                .argument(format!("corpus/{target}"))
                .inside(home)
                .start(&artifacts.join(format!("job-{job}.log")))
        })
        .collect::<Result<_, _>>()?;
    // All of them are waited for, also when one found something.
    let ended: Vec<Result<String, Failure>> = started.into_iter().map(Started::finish).collect();
    let time = match (before, cpu::of_children()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => began.elapsed() * asked.jobs,
    };
    let said = ended.into_iter().collect::<Result<Vec<String>, Failure>>()?;
    Ok(Work { executions: said.iter().map(|said| executions(said)).sum(), time })
}

/// Files of a corpus.
fn inputs(corpus: &Path) -> Result<usize, Failure> {
    let found = fs::read_dir(corpus);
    Ok(found.map_err(Failure::broken(format!("cannot read {}", corpus.display())))?.count())
}

/// Bytes of input: room for what is allowed and for some more, little enough to be fast.
fn longest(target: &str) -> usize {
    match target {
        "jwt_header" | "resource_path" => 4_096,
        "bundle" | "header" | "entry" | "dpop_proof" | "signature" => 16_384,
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

    fn asked(words: &str) -> Result<Asked, Failure> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Asked::parse(&words, &["entry".to_owned(), "header".to_owned()])
    }

    #[test]
    fn every_target_runs_for_five_seconds_unless_told_otherwise() {
        let plain = asked("").unwrap();
        assert_eq!((plain.seconds, plain.jobs, plain.json), (5, 1, false));
        assert_eq!(plain.targets, ["entry", "header"]);
        let told = asked("--seconds 60 --jobs 2 --target header --json").unwrap();
        assert_eq!((told.seconds, told.jobs, told.json), (60, 2, true));
        assert_eq!(told.targets, ["header"]);
    }

    #[test]
    fn fuzzing_without_end_or_of_nothing_is_refused() {
        for words in ["--seconds 0", "--seconds", "--seconds -1", "--jobs 0", "header", "--target other"] {
            assert!(matches!(asked(words), Err(Failure::Usage(_))), "{words}");
        }
    }

    /// Fuzzes `header` with a shell script in the place of the target.
    #[cfg(target_os = "linux")]
    fn fuzz_with(name: &str, script: &str) -> Result<Work, Failure> {
        use std::os::unix::fs::PermissionsExt as _;
        let home = repository().join("target").join(format!("fuzz-{}-{name}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let program = home.join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let work = fuzz(&home, "header", &program, &asked("--jobs 2 --seconds 7").unwrap());
        fs::remove_dir_all(&home).unwrap();
        work
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_of_all_processes_counts_and_what_one_finds_ends_it() {
        let counts = r#"case "$*" in *-max_total_time=7*corpus/header) ;; *) exit 3 ;; esac
            [ -n "$(ls corpus/header)" ] || exit 4
            i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done
            echo 'stat::number_of_executed_units: 21' >&2"#;
        let work = fuzz_with("counts", counts).unwrap();
        assert_eq!(work.executions, 42);
        assert!(!work.time.is_zero(), "{work:?}");
        assert!(matches!(fuzz_with("finds", "exit 77"), Err(Failure::Refused { code: 77, .. })));
    }

    #[test]
    fn folder_without_targets_is_an_error() {
        assert!(matches!(targets(&repository().join("xtask")), Err(Failure::Missing(_))));
    }
}
