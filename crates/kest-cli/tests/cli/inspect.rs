//! `kest inspect`: shows what is claimed, survives what is hostile, and proves nothing.

use serde_json::{Value, json};

use crate::support::{chain, directory, file, forged, header, kest, lineage};

const WARNING: &str = "NOT VERIFIED";

#[test]
fn claims_are_shown_as_a_table_under_a_warning() {
    let run = kest(["inspect"], lineage(1).to_json().as_bytes());
    assert_eq!(run.code, Some(0));
    let lines: Vec<_> = run.text().lines().collect();
    assert!(lines[0].starts_with(WARNING) && run.stderr.contains(WARNING));
    assert!(lines[1].starts_with("#  OPERATION"));
    let cells = |line: &str| {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(cells(lines[2]), ["0", "start", "spiffe://example.org/cart", "- / - / -", "40", "-", "root"]);
    assert_eq!(
        cells(lines[3]),
        ["1", "hop 1", "spiffe://example.org/cart", "- / - / -", "40", "taint-1", "#0"]
    );
    assert_eq!(lines.len(), 4);
}

#[test]
fn json_says_that_nothing_was_verified_even_of_a_forgery() {
    let passport = lineage(1);
    let run = kest(["inspect", "--json"], forged(&passport).as_bytes());
    let shown = run.json();
    assert_eq!((run.code, &shown["verified"]), (Some(0), &json!(false)));
    assert!(run.stderr.contains(WARNING));
    assert_eq!(
        shown["entries"][0],
        json!({
            "index": 0, "hash": passport.entries()[0].hash().to_string(), "problem": null, "operation": "start",
            "principal": "spiffe://example.org/cart", "key_id": "cart-1", "user": null, "agent": null,
            "task": null, "trust_score": 40, "taints": [], "parents": ["0"],
        })
    );
}

#[test]
fn header_is_shown_in_either_dialect_and_without_a_tip() {
    let header = header(&lineage(1));
    let raw = header.replace("%5B", "[").replace("%22", "\"").replace("%5D", "]").replace("%2C", ", ");
    let untipped = header.split(',').next().unwrap();
    for (input, legacy) in [(header.as_str(), false), (untipped, false), (&raw, true)] {
        let run = kest(["inspect", "--baggage", "--json"], input.as_bytes());
        assert_eq!((run.code, &run.json()["entries"][1]["operation"]), (Some(0), &json!("hop 1")));
        assert_eq!(run.stderr.contains("legacy-python"), legacy);
    }
    let run = kest(["inspect", "--baggage", "--json"], b"region=eu");
    assert_eq!((run.code, run.json()), (Some(0), json!({"verified": false, "entries": []})));
    assert!(kest(["inspect", "--baggage"], b"").text().ends_with("\nno entries\n"));
}

#[test]
fn what_is_no_passport_is_refused() {
    let run = kest(["inspect", "--json"], b"{}");
    assert_eq!((run.code, run.json()), (Some(1), json!({"verified": false, "kind": "passport_malformed"})));
    let many = format!("[{}\"\"]", "\"\",".repeat(2000));
    let run = kest(["inspect"], many.as_bytes());
    assert_eq!(run.code, Some(1));
    assert!(run.text().ends_with("\nno passport: passport_over_limit\n"), "{}", run.text());
    let missing = directory("inspect_missing").join("none.json");
    assert_eq!(kest(["inspect", missing.to_str().unwrap()], b"").code, Some(2));
}

/// A passport that tries what it can against its readers.
fn hostile() -> Value {
    let controls = chain(1, |_| "o\u{1b}]0;x\u{7}\n\u{202e}".into(), |_| "t\u{9b}\r".into());
    let mut entries: Vec<Value> = serde_json::from_str(&controls.to_json()).unwrap();
    for text in ["", "a.b.c", "e30.W10.AA", "\u{1b}[2J.\u{0}.\n", "e30.e30.AA"] {
        entries.push(text.into());
    }
    entries.into()
}

#[test]
fn hostile_entries_are_listed_and_escaped() {
    let run = kest(["inspect"], hostile().to_string().as_bytes());
    assert_eq!((run.code, run.text().lines().count()), (Some(0), 9));
    assert!(run.text().contains(r"o\u{1b}]0;x\u{7}\u{a}\u{202e}"), "{}", run.text());
    assert!(run.text().chars().all(|character| character == '\n' || !character.is_control()));
}

#[test]
fn unreadable_entries_say_why_in_json() {
    let path = file(&directory("hostile"), "passport.json", hostile().to_string());
    let run = kest(["inspect", "--json", &path], b"");
    let shown = run.json();
    let entries = shown["entries"].as_array().unwrap().iter();
    let problems: Vec<_> = entries.skip(2).map(|entry| entry["problem"].clone()).collect();
    let expected = ["bad_parts", "bad_base64", "bad_payload", "bad_base64"].map(Value::from);
    assert_eq!((run.code, problems), (Some(0), [&expected[..], &[Value::Null]].concat()));
    assert!(run.text().trim_end().chars().all(|character| !character.is_control()));
}
