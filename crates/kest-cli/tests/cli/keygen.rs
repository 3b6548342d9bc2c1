//! `kest keygen`: two files or none, the private one for its owner only.

use std::path::Path;

use kest_core::Sign as _;
use kest_core::signature::{Bundle, Ed25519Signer};
use serde_json::Value;

use crate::support::{Run, directory, file, kest};

fn keygen(principal: &str, out: &Path) -> Run {
    kest(["keygen", "--principal", principal, "--out", out.to_str().unwrap()], b"")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn two_files_of_one_key_are_written_and_neither_shows_the_other_half() {
    let out = directory("two_files").join("keys");
    let run = keygen("spiffe://example.org/cart", &out);
    assert_eq!((run.code, run.text()), (Some(0), ""), "{}", run.stderr);
    assert_eq!(names(&out), ["cart.jwk", "cart.key.jwk"]);

    let signer = Ed25519Signer::from_jwk_file(&out.join("cart.key.jwk")).unwrap();
    assert_eq!(signer.workload().as_str(), "spiffe://example.org/cart");
    let text = std::fs::read(out.join("cart.jwk")).unwrap();
    let bundle = Bundle::from_json(&text).unwrap();
    let keys: Vec<_> = bundle.ring().keys().collect();
    assert_eq!(keys, [(signer.workload(), signer.key_id(), signer.public_key())]);
    let public: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((&public["alg"], &public["use"]), (&"EdDSA".into(), &"sig".into()));
    assert_eq!(public["d"], Value::Null);
    assert!(!run.stderr.contains("\"d\""));
}

#[cfg(unix)]
#[test]
fn private_file_and_new_directory_are_open_to_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let out = directory("modes").join("a/b");
    assert_eq!(keygen("cart", &out).code, Some(0));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&out.join("cart.key.jwk")), 0o600);
    assert_eq!(mode(&out), 0o700);
    assert_eq!(mode(&out.join("cart.jwk")) & 0o600, 0o600);
}

#[test]
fn neither_file_is_overwritten_and_nothing_new_is_left() {
    for existing in ["cart.jwk", "cart.key.jwk"] {
        let out = directory(&format!("no_overwriting_{existing}"));
        file(&out, existing, "mine");
        let run = keygen("spiffe://example.org/cart", &out);
        assert_eq!((run.code, run.text()), (Some(1), ""));
        assert!(run.stderr.contains("not overwritten"), "{}", run.stderr);
        assert_eq!(names(&out), [existing]);
        assert_eq!(std::fs::read(out.join(existing)).unwrap(), b"mine");
    }
}

#[cfg(unix)]
#[test]
fn dangling_link_is_not_written_through() {
    let out = directory("dangling_link");
    std::os::unix::fs::symlink(out.join("elsewhere"), out.join("cart.key.jwk")).unwrap();
    assert_eq!(keygen("cart", &out).code, Some(1));
    assert_eq!(names(&out), ["cart.key.jwk"]);
}

#[test]
fn principal_that_names_no_file_is_a_usage_error() {
    let out = directory("no_file_name");
    for principal in ["", "a/", "a/..", "a/.", "..", "a\nb"] {
        assert_eq!(keygen(principal, &out).code, Some(2), "{principal:?}");
    }
    assert_eq!(names(&out), [""; 0]);
}

#[test]
fn directory_that_cannot_be_made_is_no_answer() {
    let out = directory("no_directory");
    file(&out, "taken", "");
    assert_eq!(keygen("cart", &out.join("taken")).code, Some(2));
    assert_eq!(keygen("cart", &out.join("taken/below")).code, Some(2));
    assert_eq!(names(&out), ["taken"]);
}
