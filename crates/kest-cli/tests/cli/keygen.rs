//! `kest keygen`: two files or none, the private one for its owner only.

use std::path::{Path, PathBuf};

use kest_core::signature::{Bundle, Ed25519Signer};
use serde_json::Value;

use crate::support::{Run, directory, file, kest};

fn keygen(workload: &str, out: &Path) -> Run {
    kest(["keygen", "--workload", workload, "--out", out.to_str().unwrap()], b"")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The one file in `directory` whose name ends so.
fn only(directory: &Path, suffix: &str) -> PathBuf {
    let mut found = names(directory).into_iter().filter(|name| name.ends_with(suffix));
    let (Some(name), None) = (found.next(), found.next()) else { panic!("not one {suffix}") };
    directory.join(name)
}

#[test]
fn two_files_of_one_key_are_written_and_neither_shows_the_other_half() {
    let out = directory("two_files").join("keys");
    let run = keygen("spiffe://example.org/cart", &out);
    assert_eq!((run.code, run.text()), (Some(0), ""), "{}", run.stderr);

    let signer = Ed25519Signer::from_file(only(&out, ".key.jwk")).unwrap();
    assert_eq!(signer.workload().as_str(), "spiffe://example.org/cart");
    let stem = format!("cart.{}", signer.key_id().as_str().get(..8).unwrap());
    assert_eq!(names(&out), [format!("{stem}.key.jwk"), format!("{stem}.pub.jwk")]);
    let text = std::fs::read(only(&out, ".pub.jwk")).unwrap();
    let bundle = Bundle::from_json(&text).unwrap();
    let keys: Vec<_> = bundle.ring().keys().collect();
    assert_eq!(keys, [(signer.workload(), signer.key_id(), signer.public_key())]);
    let public: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&public["alg"], &public["use"]), (&"EdDSA".into(), &"sig".into()));
    assert_eq!(public["d"], Value::Null);
    assert!(!run.stderr.contains("\"d\""));
}

#[test]
fn rotation_and_workloads_that_end_alike_meet_in_no_file() {
    let out = directory("alike");
    for workload in ["spiffe://example.org/a/web", "spiffe://example.org/b/web", "spiffe://example.org/a/web"]
    {
        assert_eq!(keygen(workload, &out).code, Some(0));
    }
    assert_eq!(names(&out).len(), 6);
    let bundle = kest(["bundle", out.to_str().unwrap()], b"");
    let bundle = Bundle::from_json(&bundle.stdout).unwrap();
    let mut workloads: Vec<_> = bundle.ring().keys().map(|(workload, ..)| workload.as_str()).collect();
    workloads.sort_unstable();
    assert_eq!(
        workloads,
        ["spiffe://example.org/a/web", "spiffe://example.org/a/web", "spiffe://example.org/b/web"]
    );
}

#[cfg(unix)]
#[test]
fn private_file_and_new_directory_are_open_to_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let out = directory("modes").join("a/b");
    assert_eq!(keygen("cart", &out).code, Some(0));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&only(&out, ".key.jwk")), 0o600);
    assert_eq!(mode(&out), 0o700);
    assert_eq!(mode(&only(&out, ".pub.jwk")) & 0o600, 0o600);
}

#[test]
fn workload_that_names_no_file_is_a_usage_error() {
    let out = directory("no_file_name");
    for workload in ["", "a/", "a/..", "a/.", "..", "a\nb"] {
        assert_eq!(keygen(workload, &out).code, Some(2), "{workload:?}");
    }
    assert_eq!(names(&out), [""; 0]);
}

#[test]
fn flag_of_old_is_gone() {
    let out = directory("old_flag");
    let run = kest(["keygen", "--principal", "cart", "--out", out.to_str().unwrap()], b"");
    assert_eq!((run.code, names(&out)), (Some(2), Vec::new()));
}

#[test]
fn directory_that_cannot_be_made_is_no_answer() {
    let out = directory("no_directory");
    file(&out, "taken", "");
    assert_eq!(keygen("cart", &out.join("taken")).code, Some(2));
    assert_eq!(keygen("cart", &out.join("taken/below")).code, Some(2));
    assert_eq!(names(&out), ["taken"]);
}
