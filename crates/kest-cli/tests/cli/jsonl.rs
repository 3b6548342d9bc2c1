//! `kest verify --jsonl`: a verdict for every line, in order, whatever the lines hold.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Run, bundle, directory, file, forged, header, kest, lineage};

fn verify(test: &str, flags: &[&str], input: impl AsRef<[u8]>) -> Run {
    let keys = file(&directory(&format!("jsonl_{test}")), "bundle.json", bundle(&["cart"]));
    let mut arguments = vec!["verify", "--jsonl", "--keys", &keys];
    arguments.extend(flags);
    kest(arguments, input.as_ref())
}

fn array(hops: usize) -> Value {
    serde_json::from_str(&lineage(hops).to_json()).unwrap()
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// Name, verdict and kind of each line.
fn verdicts(run: &Run) -> Vec<(Value, Value, Value)> {
    let of = |mut verdict: Value| {
        let mut take = |member: &str| verdict[member].take();
        (take("name"), take("verdict"), take("kind"))
    };
    run.json_lines().into_iter().map(of).collect()
}

#[test]
fn every_line_gets_its_verdict_in_order() {
    let all: Vec<Value> = (0..20)
        .map(|number| {
            let passport = lineage(number % 3);
            match number % 2 {
                0 => json!({"name": format!("{number}"), "passport": array(number % 3)}),
                _ => json!({"name": format!("{number}"), "baggage": ["a=b", header(&passport)]}),
            }
        })
        .collect();
    let run = verify("order", &[], lines(&all));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    for (number, verdict) in run.json_lines().iter().enumerate() {
        assert_eq!(verdict["name"], number.to_string());
        assert_eq!(verdict["verdict"], "accept");
        assert_eq!(verdict["entries"], number % 3 + 1);
        assert_eq!(verdict["tips"], json!([lineage(number % 3).tips().to_string()]));
    }
    assert_eq!(run.json_lines().len(), all.len());
}

#[test]
fn bad_lines_are_refused_one_by_one_and_blank_ones_skipped() {
    let good = json!({"name": "good", "passport": array(1), "chain_tip": lineage(1).tips().to_string()});
    let broken =
        json!({"name": "forged", "passport": serde_json::from_str::<Value>(&forged(&lineage(1))).unwrap()});
    let input = format!(
        "{good}\n\n  \r\nrubbish\n{}\n{broken}\n{}\n\u{feff}{{}}\n{good}",
        json!({"name": "neither"}),
        json!({"name": "tip", "passport": [], "chain_tip": "x"}),
    );
    let run = verify("bad", &[], input);
    let refuse = |name: Value, kind: &str| (name, json!("refuse"), json!(kind));
    let accept = || (json!("good"), json!("accept"), Value::Null);
    let expected = [
        accept(),
        refuse(Value::Null, "bad_line"),
        refuse(json!("neither"), "bad_line"),
        refuse(json!("forged"), "bad_signature"),
        refuse(json!("tip"), "bad_chain_tip"),
        refuse(Value::Null, "bad_line"),
        accept(),
    ];
    assert_eq!((run.code, verdicts(&run)), (Some(1), expected.into()));
}

#[test]
fn line_without_end_is_refused_and_the_next_is_verified() {
    let good = json!({"name": "good", "passport": []});
    let mut input = vec![b'x'; 16 * 1024 * 1024 + 1];
    input.extend(format!("\n{good}\n").bytes());
    let run = verify("long", &[], input);
    let expected = [
        (Value::Null, json!("refuse"), json!("line_too_long")),
        (json!("good"), json!("accept"), Value::Null),
    ];
    assert_eq!((run.code, verdicts(&run)), (Some(1), expected.into()));
}

#[test]
fn claim_checks_are_redeemed_by_their_store_key() {
    let id = "a6513107-f5af-429c-b91b-5594dd9cfcbe";
    let passport = lineage(1);
    let check = format!("kest.claim_check={id},kest.chain_tip={}", passport.tips());
    let line = |name: &str, claims: Value| json!({"name": name, "baggage": [&check], "store": claims});
    let key = format!("kest.claim.{id}");
    let all = [
        line("there", json!({(&key): passport.to_json(), "other": ""})),
        line("gone", json!({(id): passport.to_json()})),
        line("shorter", json!({(&key): lineage(0).to_json()})),
        line("rubbish", json!({(&key): "{}"})),
        line("no store", Value::Null),
    ];
    let run = verify("store", &[], lines(&all));
    let kinds: Vec<_> = run.json_lines().iter().map(|verdict| verdict["kind"].clone()).collect();
    let expected = [
        Value::Null,
        json!("claim_check_gone"),
        json!("chain_tip_mismatch"),
        json!("claim_check_malformed"),
        json!("passport_store_missing"),
    ];
    assert_eq!((run.code, kinds), (Some(1), expected.into()));
}

/// Threats, row 38: the log of an audit does not choose how strictly it is read.
#[test]
fn line_may_ask_for_a_stricter_dialect_and_never_for_a_more_lenient_one() {
    let raw = header(&lineage(0)).replace("%5B", "[").replace("%22", "\"").replace("%5D", "]");
    let all = [
        json!({"baggage": [&raw]}),
        json!({"baggage": [&raw], "dialect": "legacy-python"}),
        json!({"baggage": [&raw], "dialect": "strict"}),
        json!({"passport": array(0), "dialect": "legacy-python"}),
        json!({"passport": array(0), "dialect": "strict"}),
    ];
    let told = |run: &Run| -> Vec<Value> {
        let accepted = |verdict: &Value| verdict["verdict"] == "accept";
        let member = |verdict: &Value| verdict[if accepted(verdict) { "dialect" } else { "kind" }].clone();
        run.json_lines().iter().map(member).collect()
    };
    let run = verify("strict", &[], lines(&all));
    let lenient = "dialect_too_lenient";
    let strict = ["baggage_malformed", lenient, "baggage_malformed", lenient, "strict"];
    assert_eq!((run.code, told(&run)), (Some(1), strict.map(Value::from).into()));
    let run = verify("legacy", &["--dialect", "legacy-python"], lines(&all));
    let legacy = ["legacy-python", "legacy-python", "baggage_malformed", "legacy-python", "strict"];
    assert_eq!((run.code, told(&run)), (Some(1), legacy.map(Value::from).into()));
}

#[test]
fn foreign_characters_are_refused_in_members_of_ours_and_are_the_business_of_others() {
    let name = "\u{1b}\u{9b}";
    let run = verify("foreign", &[], lines(&[json!({"name": name, "baggage": ["kest.user=é"]})]));
    assert_eq!(verdicts(&run), [(json!(name), json!("refuse"), json!("baggage_character"))]);
    assert!(!run.text().contains(['\u{1b}', '\u{9b}']));
    let run = verify("others", &[], lines(&[json!({"name": name, "baggage": ["a=é"]})]));
    assert_eq!(verdicts(&run), [(json!(name), json!("accept"), json!(null))]);
    assert!(!run.text().contains(['\u{1b}', '\u{9b}']));
}

#[test]
fn nothing_to_verify_is_accepted_without_output() {
    let run = verify("nothing", &[], "\n");
    assert_eq!((run.code, run.text()), (Some(0), ""));
}

#[test]
fn exit_code_answers_for_all_lines_even_if_nobody_reads_the_verdicts() {
    let directory = directory("jsonl_pipe");
    let keys = file(&directory, "bundle.json", bundle(&["cart"]));
    let accepted = lines(&vec![json!({"name": "x".repeat(1000), "passport": []}); 1000]);
    for (input, code) in [(accepted.clone(), 0), (accepted + "rubbish", 1)] {
        let log = file(&directory, "log.jsonl", input);
        let mut child = Command::new(env!("CARGO_BIN_EXE_kest"))
            .args(["verify", "--jsonl", "--keys", &keys, &log])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(code), Vec::new()));
    }
}
