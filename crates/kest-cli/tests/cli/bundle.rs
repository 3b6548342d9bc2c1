//! `kest bundle`: public keys in, one JWK Set out.

use std::path::{Path, PathBuf};

use kest_core::signature::Bundle;

use crate::support::{bundle, directory, file, kest, signer};

/// A key set of other people's kinds of keys.
const RSA: &str = r#"{"keys":[{"kty":"RSA","n":"x","e":"AQAB","kid":"r"}]}"#;
/// The neutral element: a point of order 1.
const WEAK: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"w","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;

#[track_caller]
fn check_refused(name: &str, texts: &[&str], message: &str) {
    let directory = directory(name);
    let files = texts.iter().enumerate().map(|(index, text)| file(&directory, &format!("{index}.jwk"), text));
    let run = kest(["bundle".to_owned()].into_iter().chain(files), b"");
    assert_eq!((run.code, run.text()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

#[test]
fn keys_and_key_sets_are_joined_into_one_set() {
    let directory = directory("joined");
    let files = [
        file(&directory, "cart.jwk", bundle(&["cart"])),
        file(&directory, "both.jwks", bundle(&["cart", "shop"])),
        file(&directory, "rsa.jwks", RSA),
    ];
    let run = kest(["bundle".to_owned()].iter().chain(&files), b"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.text().trim_end(), bundle(&["cart", "shop"]));
    assert!(run.stderr.contains("skipped 1 keys of other types"), "{}", run.stderr);
    let read = Bundle::from_json(&run.stdout).unwrap();
    assert!(read.ring().knows(signer("cart").workload()) && read.ring().knows(signer("shop").workload()));
}

#[test]
fn key_id_of_two_principals_is_refused() {
    let stolen = bundle(&["shop"]).replace("shop-1", "cart-1");
    check_refused("two_principals", &[&bundle(&["cart"]), &stolen], "two workloads");
}

#[test]
fn key_id_of_two_keys_is_refused() {
    let other = bundle(&["shop"]).replace("shop", "cart");
    check_refused("two_keys", &[&bundle(&["cart"]), &other], "two keys");
}

#[test]
fn weak_and_private_keys_and_other_texts_are_refused() {
    check_refused("weak", &[WEAK], "weak");
    check_refused("private", &[&signer("cart").to_private_jwk().unwrap()], "private key");
    check_refused("no_key_set", &["[]"], "no jwk set");
}

#[test]
fn missing_file_and_folder_without_public_keys_are_no_answer() {
    let directory = directory("bundle_missing");
    let missing = directory.join("none.jwk");
    assert_eq!(kest(["bundle", missing.to_str().unwrap()], b"").code, Some(2));
    file(&directory, "cart.jwk", bundle(&["cart"]));
    let run = kest(["bundle", directory.to_str().unwrap()], b"");
    assert_eq!((run.code, run.text()), (Some(2), ""));
    assert!(run.stderr.contains("no file *.pub.jwk"), "{}", run.stderr);
    assert_eq!(kest(["bundle"], b"").code, Some(2));
}

#[test]
fn set_without_a_usable_key_is_no_bundle() {
    check_refused("rsa_only", &[RSA], "no file holds a key");
    check_refused("none", &[r#"{"keys":[]}"#], "no file holds a key");
}

/// What `kest keygen` leaves behind, for a service and its neighbour.
fn generated(name: &str) -> PathBuf {
    let keys = directory(name).join("keys");
    for workload in ["spiffe://example.org/cart", "spiffe://example.org/shop"] {
        let made = kest(["keygen", "--workload", workload, "--out", keys.to_str().unwrap()], b"");
        assert_eq!(made.code, Some(0), "{}", made.stderr);
    }
    keys
}

fn files(directory: &Path) -> Vec<String> {
    let found = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = found.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn folder_stands_for_its_public_keys_and_its_private_ones_are_left_alone() {
    let keys = generated("folder");
    let out = keys.with_file_name("bundle.json");
    let run = kest(["bundle", keys.to_str().unwrap(), "--out", out.to_str().unwrap()], b"");
    assert_eq!((run.code, run.text()), (Some(0), ""), "{}", run.stderr);
    let read = Bundle::from_json(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(read.ring().keys().count(), 2);
    let printed = kest(["bundle", keys.to_str().unwrap()], b"");
    assert_eq!(printed.stdout, std::fs::read(&out).unwrap(), "the same bytes");
    assert_eq!(files(out.parent().unwrap()), ["bundle.json", "keys"]);
}

#[test]
fn private_key_is_refused_by_name_with_the_mend_and_leaves_no_empty_bundle() {
    let keys = generated("glob");
    let out = keys.with_file_name("bundle.json");
    let private = files(&keys).into_iter().find(|name| name.ends_with(".key.jwk")).unwrap();
    let public = private.replace(".key.jwk", ".pub.jwk");
    let all = files(&keys).into_iter().map(|name| keys.join(name).to_str().unwrap().to_owned());
    let arguments = ["bundle".to_owned()].into_iter().chain(all);
    let arguments = arguments.chain(["--out".to_owned(), out.to_str().unwrap().to_owned()]);
    let run = kest(arguments, b"");
    assert_eq!((run.code, run.text()), (Some(1), ""));
    assert!(run.stderr.contains(&private) && run.stderr.contains(&public), "{}", run.stderr);
    assert_eq!(files(out.parent().unwrap()), ["keys"]);
}

#[test]
fn bundle_that_was_there_stays_when_anything_fails() {
    let keys = generated("stays");
    let folder = keys.parent().unwrap();
    let out = file(folder, "bundle.json", "old");
    let weak = file(folder, "weak.jwk", WEAK);
    let missing = folder.join("none.jwk").to_str().unwrap().to_owned();
    for (fault, code) in [(&weak, 1), (&missing, 2)] {
        let run = kest(["bundle", keys.to_str().unwrap(), fault, "--out", &out], b"");
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert_eq!(std::fs::read(&out).unwrap(), b"old");
        assert_eq!(files(folder), ["bundle.json", "keys", "weak.jwk"]);
    }
    assert_eq!(kest(["bundle", keys.to_str().unwrap(), "--out", &out], b"").code, Some(0));
    assert!(Bundle::from_json(&std::fs::read(&out).unwrap()).is_ok());
}

/// No file may grow, which a full disk would not let it either.
#[cfg(target_os = "linux")]
#[test]
fn disk_that_takes_nothing_leaves_the_bundle_that_was_there_and_nothing_beside_it() {
    let keys = generated("full_disk");
    let folder = keys.parent().unwrap();
    let out = file(folder, "bundle.json", "old");
    let run = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" bundle \"$1\" --out \"$2\""])
        .args([env!("CARGO_BIN_EXE_kest"), keys.to_str().unwrap(), &out])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(std::fs::read(&out).unwrap(), b"old");
    assert_eq!(files(folder), ["bundle.json", "keys"]);
}

#[cfg(unix)]
#[test]
fn file_in_place_keeps_its_mode_and_its_link_and_a_device_is_no_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let keys = generated("in_place");
    let folder = keys.parent().unwrap();
    let (real, link) = (folder.join("real.json"), folder.join("bundle.json"));
    std::fs::write(&real, "old").unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let write = |out: &Path| kest(["bundle", keys.to_str().unwrap(), "--out", out.to_str().unwrap()], b"");
    assert_eq!(write(&link).code, Some(0));
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(Bundle::from_json(&std::fs::read(&real).unwrap()).is_ok());
    let new = folder.join("new.json");
    assert_eq!(write(&new).code, Some(0));
    assert_eq!(new.metadata().unwrap().permissions().mode() & 0o600, 0o600, "others may read it as well");
    for out in [folder, Path::new("/dev/null"), &folder.join("none/bundle.json")] {
        assert_eq!(write(out).code, Some(2), "{}", out.display());
    }
    assert!(!Path::new("/dev/null").is_file());
}

#[cfg(unix)]
#[test]
fn pipe_among_the_public_keys_of_a_folder_is_not_waited_for() {
    let keys = generated("pipe");
    let pipe = keys.join("late.pub.jwk");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = kest(["bundle", keys.to_str().unwrap()], b"");
    assert_eq!((run.code, run.text()), (Some(2), ""));
    assert!(run.stderr.contains("late.pub.jwk"), "{}", run.stderr);
}

#[test]
fn endless_file_is_not_read_to_its_end() {
    let directory = directory("bundle_endless");
    let path = file(&directory, "long.jwk", " ".repeat(1024 * 1024 + 1));
    let run = kest(["bundle", &path], b"");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("longer than 1048576 bytes"), "{}", run.stderr);
}

/// The bundle of cart and shop in a folder, whose keys are there one by one.
fn published(name: &str) -> (PathBuf, String) {
    let folder = directory(name);
    for name in ["cart", "shop"] {
        file(&folder, &format!("{name}.pub.jwk"), bundle(&[name]));
    }
    let out = file(&folder, "bundle.json", bundle(&["cart", "shop"]));
    (folder, out)
}

/// The same key, until then.
fn ended(text: &str, end: u64) -> String {
    text.replace(r#""kid""#, &format!(r#""not_after":{end},"kid""#))
}

#[test]
fn check_says_whether_the_file_is_the_bundle_and_writes_nothing() {
    let (folder, out) = published("check");
    let keys = folder.to_str().unwrap();
    let check = |more: &[&str]| kest(["bundle", keys, "--check"].iter().chain(more), b"");
    assert_eq!((check(&[]).code, check(&["--out", &out]).code), (Some(0), Some(0)));
    assert_eq!(check(&["--out", &out]).stdout, b"");
    for stale in [bundle(&["cart"]), ended(&bundle(&["cart", "shop"]), 1000), "old".to_owned()] {
        std::fs::write(&out, &stale).unwrap();
        let run = check(&["--out", &out]);
        assert_eq!((run.code, run.text()), (Some(1), ""), "{stale}");
        assert!(run.stderr.contains("is not the bundle of these keys"), "{}", run.stderr);
        assert_eq!(std::fs::read_to_string(&out).unwrap(), stale);
    }
    let missing = folder.join("none.json");
    assert_eq!(check(&["--out", missing.to_str().unwrap()]).code, Some(1));
    assert!(!missing.exists());
    file(&folder, "weak.pub.jwk", WEAK);
    assert_eq!(check(&[]).code, Some(1), "these keys make no bundle");
}

#[test]
fn diff_shows_what_comes_goes_and_ends() {
    let (folder, old) = published("diff");
    let keys = folder.to_str().unwrap();
    let diff = || kest(["bundle", keys, "--diff", &old], b"");
    assert_eq!((diff().code, diff().text()), (Some(0), ""));
    file(&folder, "cart.pub.jwk", ended(&bundle(&["cart"]), 1000));
    file(&folder, "next.pub.jwk", bundle(&["shop"]).replace("shop-1", "shop-2"));
    let cart = signer("cart").workload().to_string();
    let shop = signer("shop").workload().to_string();
    let run = diff();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.text(), format!("~ {cart} cart-1 not_after none -> 1000\n+ {shop} shop-2\n"));
    std::fs::remove_file(folder.join("shop.pub.jwk")).unwrap();
    let run = diff();
    let lines = format!("~ {cart} cart-1 not_after none -> 1000\n- {shop} shop-1\n+ {shop} shop-2\n");
    assert_eq!((run.code, run.text()), (Some(1), lines.as_str()));
    assert!(run.stderr.contains(&format!("keeps none of the keys of a workload: {shop}")), "{}", run.stderr);
    for more in [["--check", "--diff"], ["--out", "--diff"]] {
        assert_eq!(kest(["bundle", keys, more[0], &old, more[1], &old], b"").code, Some(2), "{more:?}");
    }
}

#[test]
fn bundle_that_lost_a_workload_is_refused_by_diff_before_services_have_to() {
    let (folder, old) = published("diff_lost");
    std::fs::remove_file(folder.join("shop.pub.jwk")).unwrap();
    let run = kest(["bundle", folder.to_str().unwrap(), "--diff", &old], b"");
    let shop = signer("shop").workload().to_string();
    assert_eq!((run.code, run.text()), (Some(1), format!("- {shop} shop-1\n").as_str()));
    assert!(run.stderr.contains("no key of a workload any more"), "{}", run.stderr);
}

#[test]
fn bundle_that_counts_its_versions_counts_on_and_other_bundles_do_not_begin_to() {
    let (folder, out) = published("sequence");
    let keys = folder.to_str().unwrap();
    let write = || {
        assert_eq!(kest(["bundle", keys, "--out", &out], b"").code, Some(0));
        Bundle::from_json(&std::fs::read(&out).unwrap()).unwrap().sequence()
    };
    assert_eq!(write(), None);
    let counted = bundle(&["cart", "shop"]).replace("]}", r#"],"spiffe_sequence":7}"#);
    std::fs::write(&out, counted).unwrap();
    assert_eq!(write(), Some(7), "nothing has changed");
    file(&folder, "cart.pub.jwk", ended(&bundle(&["cart"]), 1000));
    assert_eq!(write(), Some(8));
    assert_eq!(kest(["bundle", keys, "--check", "--out", &out], b"").code, Some(0));
}
