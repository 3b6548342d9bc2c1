//! The repository, a folder of a test's own, and the program `kest`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// An empty folder for the test called `name`.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kest-tests-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// The program, built beside the tests; a run of this package alone has to build it first.
#[must_use]
pub fn kest() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("kest");
    if !program.exists() {
        let build = ["build", "--quiet", "--package", "kest-cli"];
        assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    }
    program
}
