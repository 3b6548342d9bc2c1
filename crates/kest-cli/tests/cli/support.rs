//! The program, a directory of its own for each test, and passports whose keys and time are known.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Bundle, Ed25519Signer, KeyId, KeyRing, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admission, Admitter, Operation, Passport, Random, RandomError};
use kest_testkit::TestClock;
use serde_json::Value;

/// What one run of the program came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Standard output, which must be one JSON value and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output, which must be one JSON value a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs `kest` with `input` on standard input.
pub(crate) fn kest<Argument: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = Argument>,
    input: &[u8],
) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kest"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || match stdin.write_all(&input) {
        // The program may refuse before it read everything.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
        _ => {}
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An empty directory for the test called `name`.
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kest-cli").join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).unwrap();
    }
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Writes a file and gives its name as an argument.
pub(crate) fn file(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The service called `name`, always with the same key.
pub(crate) fn signer(name: &str) -> Ed25519Signer {
    let mut seed = [7; 32];
    seed[0] = name.bytes().fold(0, u8::wrapping_add);
    let workload = WorkloadId::new(format!("spiffe://example.org/{name}")).unwrap();
    Ed25519Signer::from_seed(workload, KeyId::new(format!("{name}-1")).unwrap(), &seed).unwrap()
}

/// The trust bundle of the services called `names`.
pub(crate) fn bundle(names: &[&str]) -> String {
    let mut ring = KeyRing::new();
    for name in names {
        ring.trust_signer(&signer(name)).unwrap();
    }
    Bundle::to_json(&ring).unwrap()
}

/// A lineage of cart with `hops` entries after its root, each with a taint of its own.
pub(crate) fn lineage(hops: usize) -> Passport {
    chain(hops, |hop| format!("hop {hop}"), |hop| format!("taint-{hop}"))
}

/// As [`lineage`], with names of the test's own.
pub(crate) fn chain(
    hops: usize,
    operation: impl Fn(usize) -> String + Sync,
    taint: impl Fn(usize) -> String + Sync,
) -> Passport {
    let kest = Admitter::builder(Arc::new(signer("cart")))
        .clock(Arc::new(TestClock::at(1_800_000_000)))
        .random(Arc::new(Counting(AtomicU8::new(0))))
        .build();
    let policy = dangerous_allow_all();
    block_on(async {
        let start = Operation::named("start").unwrap();
        let mut admission: Admission = kest.originate(Origin::user_input(), &start, &policy).await.unwrap();
        for hop in 1..=hops {
            let next = Operation::named(operation(hop)).unwrap().taint(taint(hop));
            admission = admission.operation(next).admit(&policy).await.unwrap();
        }
        admission.passport().clone()
    })
}

/// The strict header of a passport.
pub(crate) fn header(passport: &Passport) -> String {
    let entries: Vec<String> =
        passport.entries().iter().map(|entry| format!("%22{}%22", entry.compact())).collect();
    format!("kest.passport=%5B{}%5D,kest.chain_tip={}", entries.join("%2C"), passport.tips())
}

/// The same passport with the first character of its last signature changed.
pub(crate) fn forged(passport: &Passport) -> String {
    let json = passport.to_json();
    let (before, signature) = json.rsplit_once('.').unwrap();
    let mut characters = signature.chars();
    let other = if characters.next() == Some('A') { 'B' } else { 'A' };
    format!("{before}.{other}{}", characters.as_str())
}

/// On a thread of its own, since the test may be a future itself.
fn block_on<F: Future<Output: Send> + Send>(future: F) -> F::Output {
    std::thread::scope(|scope| {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
        scope.spawn(runtime).join().unwrap()
    })
}

/// Different bytes each time, the same in each run.
#[derive(Debug)]
struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        Ok(())
    }
}
