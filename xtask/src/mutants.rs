//! `cargo xtask mutants`: changes the code that proves things, one place at a time, and sees whether a test notices.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::options::Options;
use crate::run::{Run, repository, say, tell};

/// A package with code that is changed, and the tests that are to notice.
#[derive(Debug)]
struct Room {
    package: &'static str,
    files: &'static [&'static str],
    /// Tests of the package itself, as nextest chooses them: seconds for each change.
    own: &'static str,
    /// Tests of the suite, for what the package's own did not notice: a minute for each change.
    suite: &'static str,
}

const ROOMS: [Room; 5] = [
    Room {
        package: "kest-core",
        files: &[
            "crates/kest-core/src/passport/*.rs",
            "crates/kest-core/src/signature/*.rs",
            "crates/kest-core/src/path.rs",
        ],
        own: "all()",
        suite: "test(/^(threats|vectors|properties|specification|lineages|services)/)",
    },
    Room {
        package: "kest-baggage",
        files: &[
            "crates/kest-baggage/src/header.rs",
            "crates/kest-baggage/src/member.rs",
            "crates/kest-baggage/src/restore.rs",
            "crates/kest-baggage/src/ambience.rs",
        ],
        own: "all()",
        suite: "test(/^(threats|vectors|properties|specification|claims)/)",
    },
    Room {
        package: "kest-identity",
        files: &[
            "crates/kest-identity/src/jwt/validation.rs",
            "crates/kest-identity/src/jwt/claims.rs",
            "crates/kest-identity/src/jwt/token_type.rs",
            "crates/kest-identity/src/confirmation/*.rs",
            "crates/kest-identity/src/dpop/*.rs",
            "crates/kest-identity/src/mtls.rs",
        ],
        // These need packages of npm, which are not in the copy that is changed.
        own: "not (binary(issuer) + binary(jose))",
        suite: "test(/^(threats|possession|grants|guard)/)",
    },
    Room {
        package: "kest-signature",
        files: &[
            "crates/kest-signature/src/hop/*.rs",
            "crates/kest-signature/src/authority.rs",
            "crates/kest-signature/src/base.rs",
            "crates/kest-signature/src/digest.rs",
            "crates/kest-signature/src/fields.rs",
            "crates/kest-signature/src/once.rs",
            "crates/kest-signature/src/profile.rs",
            "crates/kest-signature/src/unique.rs",
        ],
        own: "all()",
        suite: "test(/^(threats|possession)/)",
    },
    Room {
        package: "kest-tower",
        files: &[
            "crates/kest-tower/src/steps.rs",
            "crates/kest-tower/src/rejection.rs",
            "crates/kest-tower/src/address.rs",
        ],
        own: "all()",
        suite: "test(/^(threats|specification|services|grants|guard|possession|lineages|outbound|claims|grpc)/)",
    },
];

/// Runs cargo-mutants over each room, first with its own tests, then with those of the suite for what is left.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let asked = Asked::parse(arguments)?;
    if Run::cargo().words("mutants --version").answer().is_none() {
        let how = "cargo-mutants is not installed: cargo install --locked cargo-mutants";
        return Err(Failure::Missing(how.to_owned()));
    }
    if asked.place == Place::Here {
        demand_clean_tree()?;
    }
    let rooms = ROOMS.iter().filter(|room| asked.wants(room.package));
    let scores = rooms.map(|room| judge(room, &asked)).collect::<Result<Vec<Score>, Failure>>()?;
    if asked.json {
        let all: Vec<Value> = scores.iter().map(Score::to_json).collect();
        return say(json!({ "packages": all }));
    }
    scores.iter().try_for_each(|score| say(score.table()))
}

/// What the command line asks for.
#[derive(Debug)]
struct Asked {
    jobs: u32,
    packages: Vec<String>,
    filter: Option<String>,
    place: Place,
    rounds: Rounds,
    /// One piece of all changes, as cargo-mutants counts them: `0/4` to `3/4`.
    shard: Option<String>,
    json: bool,
}

/// Where the code is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In copies of the tree, which are built from nothing.
    Copy,
    /// In this tree, with what is built of it: the fastest way, and nothing else may touch the tree meanwhile.
    Here,
}

/// Which tests are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounds {
    /// The package's own: a piece at a time, to see where it stands.
    Own,
    /// Those of the suite too, for what the package's own did not notice.
    Both,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Options::of("mutants", arguments);
        let json = options.flag("--json");
        let place = if options.flag("--in-place") { Place::Here } else { Place::Copy };
        let rounds = if options.flag("--own") { Rounds::Own } else { Rounds::Both };
        let jobs = options.number("--jobs", 1)?;
        let shard = shard_of(&options.values("--shard")?)?;
        let packages = options.values("--package")?;
        let known = ROOMS.map(|room| room.package);
        if let Some(unknown) = packages.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(Failure::Usage(format!("no mutants are made of {unknown} ({})", known.join(", "))));
        }
        if place == Place::Here && jobs > 1 {
            return Err(Failure::Usage(format!("in place there is one tree, so one job: --jobs {jobs}")));
        }
        let filter = match options.words()?.as_slice() {
            [] => None,
            [filter] => Some(filter.clone()),
            [_, more, ..] => return Err(Failure::Usage(format!("mutants takes one filter: {more}"))),
        };
        Ok(Self { jobs, packages, filter, place, rounds, shard, json })
    }

    fn wants(&self, package: &str) -> bool {
        self.packages.is_empty() || self.packages.iter().any(|name| name == package)
    }
}

/// `0/4` to `3/4`, as cargo-mutants takes it.
fn shard_of(values: &[String]) -> Result<Option<String>, Failure> {
    let [shard] = values else {
        return if values.is_empty() {
            Ok(None)
        } else {
            Err(Failure::Usage("mutants takes one shard at a time".to_owned()))
        };
    };
    let (piece, pieces) = shard.split_once('/').unwrap_or_default();
    match (piece.parse::<u32>(), pieces.parse::<u32>()) {
        (Ok(piece), Ok(pieces)) if piece < pieces => Ok(Some(shard.clone())),
        _ => Err(Failure::Usage(format!("--shard takes a piece and their number, 0/4 to 3/4: {shard}"))),
    }
}

/// A change that stays behind after a crash must be told from work that was never committed.
fn demand_clean_tree() -> Result<(), Failure> {
    let status = Run::program("git").words("status --porcelain").answer();
    let status = status.ok_or_else(|| Failure::Missing("git does not answer here".to_owned()))?;
    if !status.trim().is_empty() {
        return Err(Failure::Usage(format!("--in-place changes this tree; commit first:\n{status}")));
    }
    tell(
        "This tree is changed while it runs: edit, build and commit nothing in it. If it was killed: git checkout .",
    )
}

fn judge(room: &Room, asked: &Asked) -> Result<Score, Failure> {
    let piece = asked.shard.as_ref().map_or("all".to_owned(), |shard| shard.replace('/', "-of-"));
    let folder = repository().join("target/mutants").join(room.package).join(piece);
    let found = folder.join("mutants.out");
    // The second round is told by these files what it need not try again; a run of yesterday must not tell the first.
    for old in [&found, &folder.join("mutants.out.old")] {
        if old.exists() {
            fs::remove_dir_all(old).map_err(Failure::broken(format!("cannot remove {}", old.display())))?;
        }
    }
    fs::create_dir_all(&folder).map_err(Failure::broken(format!("cannot make {}", folder.display())))?;
    round(room, asked, &folder, Round::Own)?;
    let first = Score::read(room.package, &found)?;
    if asked.rounds == Rounds::Own || first.survivors.is_empty() && first.timeouts.is_empty() {
        return Ok(first);
    }
    tell(format_args!("\n{}: {} changes go to the suite", room.package, first.survivors.len()))?;
    round(room, asked, &folder, Round::Suite)?;
    let last = Score::read(room.package, &found)?;
    Ok(Score { viable: first.viable, ..last })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Own,
    Suite,
}

fn round(room: &Room, asked: &Asked, folder: &Path, round: Round) -> Result<(), Failure> {
    match command(room, asked, folder, round).aside().run() {
        // Its codes for "some were missed" and "some took too long": both are what we came to see.
        Err(Failure::Refused { code: 2 | 3, .. }) => Ok(()),
        ended => ended,
    }
}

fn command(room: &Room, asked: &Asked, folder: &Path, round: Round) -> Run {
    let mut run = Run::cargo().argument("mutants").argument("--package").argument(room.package);
    // What is built for a minute is not debugged; and what fails on purpose is no case to try again.
    run = run.variable("CARGO_PROFILE_DEV_DEBUG", "0");
    run = run.variable("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
    for file in room.files {
        run = run.argument("--file").argument(*file);
    }
    if let Some(filter) = &asked.filter {
        run = run.argument("--re").argument(filter);
    }
    if let Some(shard) = &asked.shard {
        run = run.argument("--shard").argument(shard);
    }
    run = match asked.place {
        Place::Copy => run.argument("--jobs").argument(asked.jobs.to_string()),
        Place::Here => run.argument("--in-place"),
    };
    run = run.argument("--output").argument(folder);
    let tests = match round {
        Round::Own => room.own,
        Round::Suite => {
            run = run.words("--iterate --test-package kest-tests");
            room.suite
        }
    };
    run.words("-- -E").argument(tests)
}

/// What became of the changes to one package.
#[derive(Debug, PartialEq, Eq)]
struct Score {
    package: &'static str,
    /// Changes that compiled.
    viable: usize,
    /// Changes that no test noticed.
    survivors: Vec<String>,
    /// Changes under which tests did not end: noticed, in their way.
    timeouts: Vec<String>,
}

impl Score {
    fn read(package: &'static str, found: &Path) -> Result<Self, Failure> {
        let lines = |name: &str| read_lines(&found.join(name));
        let (survivors, timeouts) = (lines("missed.txt")?, lines("timeout.txt")?);
        let viable = lines("caught.txt")?.len() + survivors.len() + timeouts.len();
        Ok(Self { package, viable, survivors, timeouts })
    }

    fn noticed(&self) -> usize {
        self.viable.saturating_sub(self.survivors.len())
    }

    fn table(&self) -> String {
        let Self { package, viable, survivors, timeouts } = self;
        let noticed = self.noticed();
        let ended = timeouts.len();
        let mut text =
            format!("\n{package}: {noticed} of {viable} changes noticed ({ended} by not ending)\n");
        for survivor in survivors {
            text.push_str(&format!("  not noticed: {survivor}\n"));
        }
        text
    }

    fn to_json(&self) -> Value {
        json!({
            "package": self.package, "viable": self.viable, "noticed": self.noticed(),
            "survivors": self.survivors, "timeouts": self.timeouts,
        })
    }
}

/// Lines of a list that cargo-mutants wrote; it must be there, since a list that is missing is no empty one.
fn read_lines(path: &PathBuf) -> Result<Vec<String>, Failure> {
    let text =
        fs::read_to_string(path).map_err(Failure::broken(format!("cannot read {}", path.display())))?;
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &str) -> Result<Asked, Failure> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Asked::parse(&words)
    }

    #[test]
    fn code_that_is_changed_is_still_where_it_was() {
        for room in &ROOMS {
            for file in room.files {
                let path = file.strip_suffix("*.rs").unwrap_or(file);
                assert!(repository().join(path).exists(), "{file}");
            }
        }
    }

    #[test]
    fn suite_tries_only_what_the_own_tests_did_not_notice() {
        let asked = asked("--jobs 2 --package kest-tower steps").unwrap();
        assert!(asked.wants("kest-tower") && !asked.wants("kest-core"));
        let room = ROOMS.iter().find(|room| room.package == "kest-tower").unwrap();
        let shown = |round| command(room, &asked, Path::new("/out"), round).shown();
        let own = shown(Round::Own);
        assert!(own.contains(" cargo mutants --package kest-tower --file "), "{own}");
        assert!(own.contains("--re steps --jobs 2 --output /out -- -E"), "{own}");
        assert!(!own.contains("--iterate"), "{own}");
        let suite = shown(Round::Suite);
        assert!(suite.contains("--iterate --test-package kest-tests -- -E"), "{suite}");
    }

    #[test]
    fn unknown_package_and_second_filter_are_refused() {
        for words in ["--package kest-cli", "a b", "--jobs 0", "--fast"] {
            assert!(matches!(asked(words), Err(Failure::Usage(_))), "{words}");
        }
    }

    #[test]
    fn pieces_that_are_none_and_two_jobs_in_one_tree_are_refused() {
        for words in
            ["--shard 4/4", "--shard 1", "--shard /", "--shard 0/2 --shard 1/2", "--in-place --jobs 2"]
        {
            assert!(matches!(asked(words), Err(Failure::Usage(_))), "{words}");
        }
        let asked = asked("--in-place --own --shard 3/4").unwrap();
        assert_eq!((asked.place, asked.rounds), (Place::Here, Rounds::Own));
        let shown = command(&ROOMS[0], &asked, Path::new("/out"), Round::Own).shown();
        assert!(shown.contains("--shard 3/4 --in-place --output /out"), "{shown}");
    }

    #[test]
    fn score_counts_what_compiled_and_names_what_was_not_noticed() {
        let folder = repository().join("target").join(format!("mutants-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("caught.txt", "a\nb\n"), ("missed.txt", "c\n"), ("timeout.txt", "d\n")] {
            fs::write(folder.join(name), text).unwrap();
        }
        let score = Score::read("kest-core", &folder).unwrap();
        fs::remove_file(folder.join("missed.txt")).unwrap();
        let without = Score::read("kest-core", &folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            score.to_json(),
            json!({"package": "kest-core", "viable": 4, "noticed": 3, "survivors": ["c"], "timeouts": ["d"]})
        );
        assert!(score.table().contains("3 of 4 changes noticed (1 by not ending)\n  not noticed: c\n"));
        assert!(matches!(without, Err(Failure::Broken { .. })), "a list that is missing is no empty one");
    }
}
