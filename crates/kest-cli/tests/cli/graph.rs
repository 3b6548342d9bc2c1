//! `kest graph`: what is drawn, where it goes, and the exit code.

use crate::support::{bundle, directory, file, forged, header, kest, lineage};

#[test]
fn lineage_that_holds_is_drawn_and_one_that_does_not_up_to_its_fault() {
    let keys = file(&directory("graph_holds"), "bundle.json", bundle(&["cart"]));
    let passport = lineage(2);
    let tip = passport.tips().to_string();
    let run = kest(["graph", "--keys", &keys, "--chain-tip", &tip], passport.to_json().as_bytes());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.text().starts_with("VERIFIED: 3 entries, 1 tip\n\n● #0 "), "{}", run.text());
    let run = kest(["graph", "--keys", &keys], forged(&lineage(2)).as_bytes());
    assert_eq!(run.code, Some(1));
    assert!(run.text().starts_with("REFUSED, bad_signature at #2"), "{}", run.text());
    assert!(run.stderr.contains("refused: bad_signature (entry 2)"), "{}", run.stderr);
}

#[test]
fn lineage_without_keys_is_drawn_and_said_to_be_unchecked() {
    let run = kest(["graph", "--format", "ascii"], lineage(1).to_json().as_bytes());
    assert_eq!(run.code, Some(0));
    assert!(run.text().starts_with("NOT CHECKED") && run.text().contains("o #0 "), "{}", run.text());
    assert!(run.text().contains("[not checked]") && run.stderr.contains("NOT CHECKED"), "{}", run.stderr);
}

#[test]
fn header_is_drawn_like_the_passport_in_it_and_its_tip_counts() {
    let keys = file(&directory("graph_header"), "bundle.json", bundle(&["cart"]));
    let passport = lineage(2);
    let run = kest(["graph", "--keys", &keys, "--baggage", "-"], header(&passport).as_bytes());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.text().contains("no tip was announced"));
    // Another end than the header's was asked for: both cannot be right.
    let other = lineage(1).tips().to_string();
    let arguments = ["graph", "--keys", &keys, "--baggage", "--chain-tip", &other];
    let run = kest(arguments, header(&passport).as_bytes());
    assert_eq!(run.code, Some(1));
    assert!(
        run.text().contains("chain_tip_mismatch") && run.text().contains("missing tip"),
        "{}",
        run.text()
    );
}

/// Attack: the end is cut off, and the tip that is asked for is the whole one's.
#[test]
fn tail_that_was_cut_off_is_drawn_as_missing() {
    let keys = file(&directory("graph_cut"), "bundle.json", bundle(&["cart"]));
    let tip = lineage(2).tips().to_string();
    let run = kest(["graph", "--keys", &keys, "--chain-tip", &tip], lineage(1).to_json().as_bytes());
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("announced and not there"), "{}", run.text());
}

#[test]
fn every_format_is_written_whole_into_the_file_that_is_named() {
    let folder = directory("graph_formats");
    let keys = file(&folder, "bundle.json", bundle(&["cart"]));
    for (format, start) in [
        ("text", "VERIFIED"),
        ("ascii", "VERIFIED"),
        ("mermaid", "flowchart TD\n"),
        ("dot", "digraph lineage {\n"),
        ("svg", "<svg "),
        ("html", "<!doctype html>\n"),
    ] {
        let out = folder.join(format).to_str().unwrap().to_owned();
        let arguments = ["graph", "--keys", &keys, "--format", format, "--out", &out];
        let run = kest(arguments, lineage(1).to_json().as_bytes());
        assert_eq!((run.code, run.text()), (Some(0), ""), "{format}: {}", run.stderr);
        let written = std::fs::read_to_string(&out).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&out).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "a fresh passport is a credential");
        }
        assert!(written.starts_with(start), "{format}");
        let run = kest(["graph", "--keys", &keys, "--format", format], lineage(1).to_json().as_bytes());
        assert_eq!(run.text(), written, "{format}");
        assert_eq!(run.stderr.contains("sha-256 of the keys"), format == "html");
    }
}

#[test]
fn digest_of_the_keys_is_that_of_the_bundle_as_it_is_written() {
    let folder = directory("graph_digest");
    let keys = file(&folder, "public.jwk", bundle(&["cart"]));
    let out = folder.join("bundle.json").to_str().unwrap().to_owned();
    assert_eq!(kest(["bundle", &keys, "--out", &out], b"").code, Some(0));
    let digest = kest_core::entry::EntryHash::of_bytes(&std::fs::read(&out).unwrap()).to_hex();
    let run = kest(["graph", "--keys", &out, "--format", "html"], lineage(1).to_json().as_bytes());
    assert!(run.stderr.contains(&digest), "{}", run.stderr);
}

#[test]
fn what_cannot_be_read_is_a_refusal_or_a_failure_and_never_a_picture_of_nothing() {
    let keys = file(&directory("graph_broken"), "bundle.json", bundle(&["cart"]));
    let run = kest(["graph", "--keys", &keys], b"[1]");
    assert_eq!(run.code, Some(1));
    assert!(run.text().starts_with("REFUSED, passport_malformed"), "{}", run.text());
    assert_eq!(kest(["graph", "no-such-file.json"], b"").code, Some(2));
    assert_eq!(kest(["graph", "--keys", "no-such-bundle.json"], b"[]").code, Some(2));
    assert_eq!(kest(["graph", "--format", "png"], b"[]").code, Some(2));
    let run = kest(["graph", "--out", "/no-such-folder/a.txt"], b"[]");
    assert_eq!((run.code, run.text()), (Some(2), ""));
    let run = kest(["graph", "--keys", &keys], b"[]");
    assert!(run.code == Some(0) && run.text().starts_with("VERIFIED: no entries"), "{run:?}");
}
