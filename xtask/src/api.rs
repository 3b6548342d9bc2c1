//! `cargo xtask api`: writes down what each published crate makes public, so that a change of it is seen in review.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::options::Options;
use crate::run::{Run, repository, say, tell};

/// Writes `docs/api/<crate>.txt` for each library; with `--check` compares instead, and names those that differ.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let asked = Asked::parse(arguments)?;
    if Run::cargo().words("public-api --version").answer().is_none() {
        let how = "cargo-public-api is not installed: cargo install --locked cargo-public-api";
        return Err(Failure::Missing(how.to_owned()));
    }
    let folder = repository().join("docs/api");
    fs::create_dir_all(&folder).map_err(Failure::broken(format!("cannot make {}", folder.display())))?;
    let mut changed = Vec::new();
    for library in libraries(&repository().join("crates"))? {
        if !asked.packages.is_empty() && !asked.packages.contains(&library) {
            continue;
        }
        let path = folder.join(format!("{library}.txt"));
        if put(&path, &public(&library)?, asked.mode)? {
            changed.push(library);
        }
    }
    match (asked.mode, changed.as_slice()) {
        (_, []) => say("the public API is as it stands in docs/api"),
        (Mode::Write, _) => say(format_args!("changed: {}", changed.join(", "))),
        (Mode::Check, _) => Err(Failure::Refused {
            command: format!(
                "the public API differs from docs/api: {}; cargo xtask api writes it",
                changed.join(", ")
            ),
            code: 1,
        }),
    }
}

#[derive(Debug)]
struct Asked {
    mode: Mode,
    packages: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    Check,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Options::of("api", arguments);
        let mode = if options.flag("--check") { Mode::Check } else { Mode::Write };
        let packages = options.values("--package")?;
        match options.words()?.first() {
            Some(word) => Err(Failure::Usage(format!("api takes no such argument: {word}"))),
            None => Ok(Self { mode, packages }),
        }
    }
}

/// The crates that have a library, by name.
fn libraries(crates: &Path) -> Result<Vec<String>, Failure> {
    let broken = || format!("cannot read {}", crates.display());
    let mut names = Vec::new();
    for found in fs::read_dir(crates).map_err(Failure::broken(broken()))? {
        let path: PathBuf = found.map_err(Failure::broken(broken()))?.path();
        if path.join("src/lib.rs").is_file() {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// One line an item, with all features on. Implementations that the compiler derives or gives to every type are left out.
fn public(library: &str) -> Result<String, Failure> {
    tell(format_args!("$ cargo public-api --package {library}"))?;
    Run::cargo()
        .words("public-api --all-features -sss --color never --package")
        .argument(library)
        // rustdoc writes JSON on request of a nightly toolchain only.
        .variable("RUSTC_BOOTSTRAP", "1")
        .answer()
        .ok_or_else(|| Failure::Refused { command: format!("cargo public-api --package {library}"), code: 1 })
}

/// Whether the file at `path` had something else.
fn put(path: &Path, text: &str, mode: Mode) -> Result<bool, Failure> {
    let before = fs::read_to_string(path).unwrap_or_default();
    if before == text {
        return Ok(false);
    }
    if mode == Mode::Write {
        fs::write(path, text).map_err(Failure::broken(format!("cannot write {}", path.display())))?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_that_differs_is_told_and_written_only_when_asked() {
        let path = repository().join("target").join(format!("api-{}.txt", std::process::id()));
        assert!(put(&path, "pub mod a\n", Mode::Check).unwrap());
        assert!(!path.exists());
        assert!(put(&path, "pub mod a\n", Mode::Write).unwrap());
        assert!(!put(&path, "pub mod a\n", Mode::Check).unwrap());
        assert!(put(&path, "pub mod b\n", Mode::Check).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "pub mod a\n");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn every_library_of_the_workspace_is_listed_and_no_program() {
        let names = libraries(&repository().join("crates")).unwrap();
        assert!(names.contains(&"kest-core".to_owned()) && names.contains(&"kest".to_owned()));
        assert!(!names.contains(&"kest-cli".to_owned()));
    }

    #[test]
    fn unknown_words_are_refused() {
        let refused = Asked::parse(&["kest".to_owned()]);
        assert!(matches!(refused, Err(Failure::Usage(_))));
        let asked = Asked::parse(&["--check".to_owned(), "--package".to_owned(), "kest".to_owned()]).unwrap();
        assert_eq!((asked.mode, asked.packages), (Mode::Check, vec!["kest".to_owned()]));
    }
}
