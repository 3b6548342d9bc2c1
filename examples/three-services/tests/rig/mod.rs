//! Services as processes of their own, and the keys that they need.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

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
        let build = ["build", "--quiet", "--package", "kest-cli", "--all-features"];
        let built = Command::new(env!("CARGO")).args(build).status().unwrap();
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

    /// Asks it to stop, and gives its exit code; `None` when it does not end in a minute.
    pub(crate) fn terminate(self) -> Option<i32> {
        let id = self.child.id().to_string();
        let signal = |name: &str| Command::new("kill").args([name, id.as_str()]).status().unwrap().success();
        assert!(signal("-TERM"));
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut hop = self;
                let code = hop.child.wait().unwrap().code();
                // The test may have given up by then.
                tell.send(code).unwrap_or_default();
            });
            let code = told.recv_timeout(Duration::from_secs(60)).ok().flatten();
            if code.is_none() {
                signal("-KILL");
            }
            code
        })
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
    let out = folder.path("keys");
    for name in ["gateway", "orders", "ledger"] {
        let workload = format!("spiffe://shop.example/{name}");
        let made = kest(&["keygen", "--workload", &workload, "--out", &out]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let path = folder.path("bundle.json");
    let made = kest(&["bundle", &out, "--out", &path]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}

/// The one file of the workload called `name` among those keys whose name ends so.
pub(crate) fn key_file(folder: &Folder, name: &str, suffix: &str) -> String {
    let start = format!("{name}.");
    let found = std::fs::read_dir(folder.path("keys")).unwrap();
    let paths = found.map(|file| file.unwrap().path().display().to_string());
    let is_it = |path: &String| {
        let file = path.rsplit('/').next().unwrap();
        file.starts_with(&start) && file.ends_with(suffix)
    };
    paths.into_iter().find(is_it).unwrap()
}

/// The flags of a hop that has its key in `folder`.
pub(crate) fn flags(folder: &Folder, name: &str, bundle: &str, more: &[&str]) -> Vec<String> {
    let key = key_file(folder, name, ".key.jwk");
    let workload = format!("spiffe://shop.example/{name}");
    let common = [
        "--name",
        name,
        "--listen",
        "127.0.0.1:0",
        "--workload",
        &workload,
        "--key",
        &key,
        "--bundle",
        bundle,
    ];
    common.iter().chain(more).map(|it| (*it).to_owned()).collect()
}
