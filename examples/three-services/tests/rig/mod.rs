//! Services as processes of their own, and the keys that they need.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A folder that goes when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A fresh one.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("three-services-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The program `kest`, built beside this one; a run of this package alone has to build it first.
pub(crate) fn kest(arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_three-services")).with_file_name("kest");
    if !program.exists() {
        let built =
            Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "kest-cli"]).status().unwrap();
        assert!(built.success());
    }
    Command::new(program).args(arguments).output().unwrap()
}

/// A hop that is up; it is ended when dropped.
pub(crate) struct Hop {
    child: Child,
    /// Where it answers.
    pub(crate) origin: String,
}

impl Hop {
    /// Starts one and waits until it listens.
    pub(crate) fn start(arguments: &[String]) -> Self {
        let mut child = hop(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}"));
        Self { child, origin: format!("http://{address}") }
    }

    /// Asks it to stop, and gives its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The command that starts a hop.
pub(crate) fn hop(arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_three-services"));
    command.arg("hop").args(arguments).env_remove("KEST_INSECURE_NO_VERIFY");
    command
}

/// Keys of three workloads and the bundle of their public halves.
pub(crate) fn keys(folder: &Folder) -> String {
    let out = folder.path("");
    for name in ["gateway", "orders", "ledger"] {
        let principal = format!("spiffe://shop.example/{name}");
        let made = kest(&["keygen", "--principal", &principal, "--out", &out]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let public = ["gateway.jwk", "orders.jwk", "ledger.jwk"].map(|name| folder.path(name));
    let bundle = kest(&["bundle", &public[0], &public[1], &public[2]]);
    assert!(bundle.status.success());
    let path = folder.path("bundle.json");
    std::fs::write(&path, bundle.stdout).unwrap();
    path
}

/// The flags of a hop that has its key in `folder`.
pub(crate) fn flags(folder: &Folder, name: &str, bundle: &str, more: &[&str]) -> Vec<String> {
    let key = folder.path(&format!("{name}.key.jwk"));
    let principal = format!("spiffe://shop.example/{name}");
    let common = [
        "--name",
        name,
        "--listen",
        "127.0.0.1:0",
        "--principal",
        &principal,
        "--key",
        &key,
        "--bundle",
        bundle,
    ];
    common.iter().chain(more).map(|it| (*it).to_owned()).collect()
}
