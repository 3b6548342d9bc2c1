//! `kest verify`: one passport, its verdict, its exit code.

use serde_json::{Value, json};

use crate::support::{Run, bundle, chain, directory, file, forged, header, kest, lineage};

/// Verifies `input` under the key of cart.
fn verify(test: &str, flags: &[&str], input: impl AsRef<[u8]>) -> Run {
    let keys = file(&directory(&format!("verify_{test}")), "bundle.json", bundle(&["cart"]));
    let mut arguments = vec!["verify", "--keys", &keys];
    arguments.extend(flags);
    kest(arguments, input.as_ref())
}

#[track_caller]
fn check_refused(run: &Run, kind: &str, index: Option<usize>) {
    let verdict = json!({"name": null, "verdict": "refuse", "kind": kind, "index": index});
    assert_eq!((run.code, run.json()), (Some(1), verdict), "{}", run.stderr);
}

fn accepted(hops: usize) -> Value {
    let passport = lineage(hops);
    json!({
        "name": null,
        "verdict": "accept",
        "entries": hops + 1,
        "tips": [passport.tips().to_string()],
        "workloads": ["spiffe://example.org/cart"],
        "dialect": "strict",
        "trust_score": 40,
        "taints": (1..=hops).map(|hop| format!("taint-{hop}")).collect::<Vec<_>>(),
    })
}

#[test]
fn passport_that_holds_is_accepted_with_what_it_proves() {
    let passport = lineage(2);
    let tip = passport.tips().to_string();
    let run = verify("holds", &["--json", "--chain-tip", &tip], passport.to_json());
    assert_eq!((run.code, run.json()), (Some(0), accepted(2)));
    assert_eq!(run.stderr, "");
    let run = verify("holds_header", &["--json", "--baggage", "-"], header(&passport));
    assert_eq!((run.code, run.json(), run.stderr.as_str()), (Some(0), accepted(2), ""));
}

#[test]
fn verdict_for_people_says_the_same_and_warns_of_a_missing_tip() {
    let run = verify("people", &[], lineage(1).to_json());
    assert_eq!(run.code, Some(0));
    let lines: Vec<_> = run.text().lines().collect();
    assert_eq!(lines[0], "accepted");
    assert_eq!(lines[1], "  entries     2");
    assert_eq!(lines[4..], ["  trust       40", "  taints      taint-1"]);
    assert!(run.stderr.contains("no chain tip was given"), "{}", run.stderr);
    let run = verify("people_refused", &[], forged(&lineage(1)));
    assert_eq!((run.code, run.text()), (Some(1), "refused: bad_signature (entry 1)\n"));
}

#[test]
fn passport_that_does_not_hold_is_refused_with_the_entry_at_fault() {
    let tip = lineage(2).tips().to_string();
    check_refused(&verify("forged", &["--json"], forged(&lineage(2))), "bad_signature", Some(2));
    let short = lineage(1).to_json();
    check_refused(&verify("cut", &["--json", "--chain-tip", &tip], &short), "chain_tip_mismatch", None);
    check_refused(&verify("tip_of_none", &["--json", "--chain-tip", &tip], "[]"), "chain_tip_mismatch", None);
}

#[test]
fn signer_outside_the_bundle_is_refused() {
    let keys = file(&directory("other_keys"), "bundle.json", bundle(&["shop"]));
    let run = kest(["verify", "--json", "--keys", &keys], lineage(0).to_json().as_bytes());
    check_refused(&run, "unknown_principal", Some(0));
}

#[test]
fn text_that_is_no_passport_is_refused() {
    for (test, text) in [("empty", ""), ("object", "{}"), ("numbers", "[1]"), ("two", "[][]")] {
        check_refused(&verify(test, &["--json"], text), "passport_malformed", None);
    }
    let long = format!("[{}]", " ".repeat(5 * 1024 * 1024));
    check_refused(&verify("long", &["--json"], long), "passport_over_limit", None);
}

#[test]
fn header_keeps_its_own_rules() {
    let passport = lineage(1);
    let header = header(&passport);
    let flags = ["--json", "--baggage"];
    let (untipped, tip) = header.split_once(',').unwrap();
    let lines = format!("region=eu\r\n{tip}\n\n{untipped};p=1\n");
    assert_eq!(verify("lines", &flags, lines).json(), accepted(1));
    check_refused(&verify("untipped", &flags, untipped), "passport_without_chain_tip", None);
    check_refused(&verify("tip_alone", &flags, tip), "chain_tip_without_passport", None);
    check_refused(&verify("twice", &flags, format!("{header},{tip}")), "baggage_repeated_member", None);
    check_refused(&verify("bytes", &flags, b"kest.passport=\xff"), "baggage_character", None);
    check_refused(&verify("long_header", &flags, "a=b,\n".repeat(40_000)), "baggage_too_long", None);
    check_refused(&verify("blank", &flags, "\n".repeat(400_000)), "baggage_too_long", None);
    let check = "kest.claim_check=a6513107-f5af-429c-b91b-5594dd9cfcbe,kest.chain_tip=0";
    check_refused(&verify("claim", &flags, check), "passport_store_missing", None);
}

#[test]
fn given_tip_must_match_beside_the_header_s_own() {
    let other = lineage(2).tips().to_string();
    let run = verify("both_tips", &["--json", "--baggage", "--chain-tip", &other], header(&lineage(1)));
    check_refused(&run, "chain_tip_mismatch", None);
}

#[test]
fn header_without_a_passport_is_an_empty_lineage() {
    let empty = json!({
        "name": null, "verdict": "accept", "entries": 0, "tips": [], "workloads": [], "dialect": "strict",
        "trust_score": null, "taints": [],
    });
    for (test, input) in [("none", ""), ("foreign", "region=eu\n"), ("spoofed", "kest.user=admin")] {
        let run = verify(test, &["--json", "--baggage"], input);
        assert_eq!((run.code, run.json()), (Some(0), empty.clone()), "{test}");
    }
    let tip = lineage(0).tips().to_string();
    let run = verify("none_but_tip", &["--json", "--baggage", "--chain-tip", &tip], "");
    check_refused(&run, "chain_tip_mismatch", None);
}

#[test]
fn dialect_is_strict_unless_told_otherwise() {
    let raw = header(&lineage(0)).replace("%5B", "[").replace("%22", "\"").replace("%5D", "]");
    check_refused(&verify("raw", &["--json", "--baggage"], &raw), "baggage_malformed", None);
    let run = verify("raw_legacy", &["--json", "--baggage", "--dialect", "legacy-python"], &raw);
    let mut legacy = accepted(0);
    legacy["dialect"] = "legacy-python".into();
    assert_eq!((run.code, run.json()), (Some(0), legacy));
}

#[test]
fn control_characters_of_a_passport_reach_no_terminal() {
    let passport = chain(1, |_| "hop".into(), |_| "x\u{1b}[2J\u{9b}\u{202e}".into());
    let run = verify("controls", &[], passport.to_json());
    assert!(run.text().contains(r"x\u{1b}[2J\u{9b}\u{202e}"), "{}", run.text());
    let run = verify("controls_json", &["--json"], passport.to_json());
    assert_eq!(run.json()["taints"], json!(["x\u{1b}[2J\u{9b}\u{202e}"]));
    assert!(run.text().trim_end().chars().all(|character| !character.is_control()));
    assert!(!run.text().contains('\u{202e}'));
}

#[test]
fn question_that_cannot_be_put_has_no_verdict() {
    let passport = lineage(0).to_json();
    for flags in [
        &["--json", "--chain-tip", "abc"][..],
        &["--json", "--dialect", "lenient"],
        &["--json", "--jsonl", "--baggage"],
        &["--json", "--jsonl", "--chain-tip", "0"],
        &["--json", "--reading", "strict"],
        &["--json", "no/such/file"],
    ] {
        let run = verify("usage", flags, &passport);
        assert_eq!((run.code, run.text()), (Some(2), ""), "{flags:?}");
    }
    assert_eq!(kest(["verify"], passport.as_bytes()).code, Some(2));
}
