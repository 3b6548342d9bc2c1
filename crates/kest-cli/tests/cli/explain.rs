//! `kest explain`: what a service would say to a header and a token, at which step, and the mend.

use serde_json::{Value, json};

use crate::support::{Run, bundle, directory, file, forged, header, kest, lineage};

/// Explains `baggage` to a service that trusts cart.
fn explain(test: &str, flags: &[&str], baggage: Option<&str>) -> Run {
    let directory = directory(&format!("explain_{test}"));
    let keys = file(&directory, "bundle.json", bundle(&["cart"]));
    let mut arguments = vec!["explain".to_owned(), "--bundle".to_owned(), keys];
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    if let Some(baggage) = baggage {
        arguments.extend(["--baggage".to_owned(), file(&directory, "header.txt", baggage)]);
    }
    kest(arguments, b"")
}

const BEHIND_AN_EDGE: [&str; 4] = ["--json", "--identity-from-lineage", "--max-tip-age", "0"];

/// The outcomes of all steps, in order.
fn outcomes(told: &Value) -> Vec<(String, String)> {
    let text = |step: &Value, member: &str| step[member].as_str().unwrap().to_owned();
    told["steps"].as_array().unwrap().iter().map(|it| (text(it, "step"), text(it, "outcome"))).collect()
}

/// Refused at `step` with `kind`: all before it was done, nothing after it reached.
#[track_caller]
fn check_refused(run: &Run, step: &str, kind: &str, status: u16) -> Value {
    assert_eq!(run.code, Some(1), "{run:?}");
    let told = run.json();
    let found = (&told["verdict"], &told["step"], &told["kind"], &told["status"]);
    assert_eq!(found, (&json!("refuse"), &json!(step), &json!(kind), &json!(status)));
    assert!(told["mend"].as_str().unwrap().len() > 20 && told["expected"].as_str().unwrap().len() > 20);
    let steps = outcomes(&told);
    let at = steps.iter().position(|(name, _)| name == step).unwrap();
    for (index, (name, outcome)) in steps.iter().enumerate() {
        let expected = match index.cmp(&at) {
            std::cmp::Ordering::Less => "ok",
            std::cmp::Ordering::Equal => "refused",
            std::cmp::Ordering::Greater => "not_reached",
        };
        assert_eq!(outcome, expected, "{name}");
    }
    told
}

#[test]
fn header_that_holds_is_let_through_with_what_the_service_then_knows() {
    let passport = lineage(2);
    let run = explain("holds", &BEHIND_AN_EDGE, Some(&header(&passport)));
    assert_eq!(run.code, Some(0), "{run:?}");
    let told = run.json();
    let proved = json!({
        "entries": 3, "tips": [passport.tips().to_string()], "trust_score": 40, "taints": ["taint-1", "taint-2"],
    });
    assert_eq!((&told["verdict"], &told["tier"]), (&json!("accept"), &json!("inline")));
    assert_eq!(told["passport"], proved);
    assert_eq!(told["caller"]["user"], Value::Null);
    let steps = outcomes(&told);
    assert_eq!(steps.last().unwrap(), &("hop_proof".to_owned(), "not_judged".to_owned()));
    // Whole lines, as they stand in a log.
    let named =
        explain("named", &BEHIND_AN_EDGE, Some(&format!("Baggage: region=eu,{}\n", header(&passport))));
    assert_eq!(named.json()["passport"], proved);
}

#[test]
fn each_step_that_refuses_is_named_with_the_mend() {
    let refuse = |test, header: &str| explain(test, &BEHIND_AN_EDGE, Some(header));
    check_refused(&refuse("unread", "kest.passport=%5B"), "read", "baggage_malformed", 400);
    let passport = lineage(1);
    let bad = header(&passport).replacen("%22%2C%22", "x%22%2C%22", 1);
    check_refused(&refuse("changed", &bad), "verify", "passport_invalid", 401);
    let claim = "kest.claim_check=a6513107-f5af-429c-b91b-5594dd9cfcbe,kest.chain_tip=";
    let claim = refuse("claim", &format!("{claim}{}", passport.tips()));
    check_refused(&claim, "restore", "passport_store_unavailable", 503);
    let young: Vec<&str> = BEHIND_AN_EDGE[..2].to_vec();
    check_refused(&explain("age", &young, Some(&header(&passport))), "age", "passport_stale", 401);
}

#[test]
fn entry_at_fault_and_the_workload_whose_key_is_missing_are_named() {
    let passport = lineage(1);
    let entries: Vec<String> = serde_json::from_str(&forged(&passport)).unwrap();
    let tip = kest_core::entry::EntryHash::of(&entries[1]);
    let line =
        format!("kest.passport=%5B%22{}%22%2C%22{}%22%5D,kest.chain_tip={tip}", entries[0], entries[1]);
    let run = explain("forged", &BEHIND_AN_EDGE, Some(&line));
    let told = check_refused(&run, "verify", "passport_invalid", 401);
    assert_eq!((&told["cause"], &told["index"]), (&json!("bad_signature"), &json!(1)));

    let directory = directory("explain_stranger");
    let keys = file(&directory, "bundle.json", bundle(&["ledger"]));
    let line = file(&directory, "header.txt", header(&passport));
    let run = kest(["explain", "--bundle", &keys, "--baggage", &line].iter().chain(&BEHIND_AN_EDGE), b"");
    let told = check_refused(&run, "verify", "passport_invalid", 401);
    assert_eq!(told["workload"], json!("spiffe://example.org/cart"));
}

#[test]
fn presence_is_judged_as_the_flag_says() {
    let flags = |presence| ["--json", "--identity-from-lineage", "--passport", presence];
    check_refused(&explain("missing", &flags("required"), None), "presence", "passport_missing", 401);
    let carried = explain("refused", &flags("refused"), Some(&header(&lineage(0))));
    check_refused(&carried, "presence", "passport_refused", 401);
    assert_eq!(explain("optional", &flags("optional"), None).code, Some(0));
}

#[test]
fn token_is_judged_before_the_passport() {
    let flags = ["--json", "--jwks-uri", "http://127.0.0.1:9/jwks.json", "--issuer", "i", "--audience", "a"];
    let run = explain("no_token", &flags, Some(&header(&lineage(0))));
    check_refused(&run, "token", "credentials_missing", 401);
    let token = file(&directory("explain_token"), "token", "not.a.token\n");
    let run = explain("bad_token", &[&flags[..], &["--token", &token]].concat(), None);
    check_refused(&run, "token", "credentials_invalid", 401);
}

#[test]
fn people_are_told_the_same() {
    let run = explain("people", &["--identity-from-lineage"], Some(&header(&lineage(0))));
    assert_eq!(run.code, Some(1));
    let lines: Vec<&str> = run.text().lines().collect();
    assert_eq!(lines[0], "refused with 401");
    assert!(lines.iter().any(|line| line.starts_with("  age        refused")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("mend       let the caller start")), "{lines:?}");
}

#[test]
fn service_that_would_not_start_is_no_verdict() {
    let run = explain("unsaid", &["--json"], None);
    assert_eq!((run.code, run.text()), (Some(2), ""));
    assert!(run.stderr.contains("a service like this does not start"), "{}", run.stderr);
    let run = kest(["explain", "--jwks-uri", "https://issuer.example/jwks.json"], b"");
    assert_eq!(run.code, Some(2));
}

/// What the step about proofs says of a passport that holds, to a service with these flags.
fn proof_step(test: &str, flags: &[&str]) -> (String, String) {
    let run = explain(test, flags, Some(&header(&lineage(1))));
    assert_eq!(run.code, Some(0), "{run:?}");
    let told = run.json();
    let step = told["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(step["step"], "hop_proof");
    let text = |member: &str| step[member].as_str().unwrap().to_owned();
    (text("outcome"), text("detail"))
}

#[test]
fn what_an_unbound_passport_is_worth_is_told() {
    let lineage = ["--json", "--max-tip-age", "0", "--identity-from-lineage", "--hop-proof"];
    let open = ["--json", "--max-tip-age", "0", "--insecure-no-verify", "--hop-proof"];
    let told = |test: &str, flags: &[&str], choice: &str| proof_step(test, &[flags, &[choice]].concat());
    for (name, flags) in [("lineage", lineage), ("open", open)] {
        assert_eq!(told(&format!("required_{name}"), &flags, "required").0, "not_judged");
        let (outcome, detail) = told(&format!("off_{name}"), &flags, "off");
        assert_eq!(outcome, "nothing_to_do");
        assert!(detail.contains("believes"), "{detail}");
    }
    assert!(told("sign_lineage", &lineage, "sign").1.contains("believes"));
    assert!(told("sign_open", &open, "sign").1.contains("at most"));
    let legacy = [&lineage[..], &["required", "--dialect", "legacy-python"]].concat();
    let run = explain("legacy", &legacy, Some("kest.chain_tip=0"));
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("--hop-proof off"), "{run:?}");
}
