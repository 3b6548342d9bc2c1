//! `kest policy eval`: what one policy says about one document, and everything that is no answer.

use std::path::Path;

use kest_policy::cedar::Cedar;
use serde_json::{Value, json};

use super::{CEDAR, REGO, SCOPED};
use crate::support::{Run, directory, file, kest};

/// Policies of both languages under names of their own.
struct Set {
    arguments: Vec<String>,
}

impl Set {
    fn of(test: &str, files: &[(&str, &str)]) -> Self {
        let directory = directory(&format!("policy_eval_{test}"));
        let flags =
            files.iter().flat_map(|(name, text)| ["--policy".to_owned(), file(&directory, name, text)]);
        Self { arguments: ["policy".to_owned(), "eval".to_owned()].into_iter().chain(flags).collect() }
    }

    fn ask_with(&self, flags: &[&str], name: &str, input: &[u8]) -> Run {
        let asked = ["--name", name, "--input", "-"];
        kest(self.arguments.iter().map(String::as_str).chain(asked).chain(flags.iter().copied()), input)
    }

    fn ask(&self, name: &str, input: &[u8]) -> Run {
        self.ask_with(&[], name, input)
    }
}

fn both(test: &str) -> Set {
    Set::of(test, &[("trusted.cedar", CEDAR), ("scoped.rego", SCOPED)])
}

/// The example document with `value` at the pointer `place`.
fn example_with(place: &str, value: Value) -> Vec<u8> {
    let mut document = kest(["policy", "input", "--json"], b"").json();
    *document.pointer_mut(place).unwrap() = value;
    document.to_string().into_bytes()
}

/// That `name` says `decision` in both forms of output.
#[track_caller]
fn check_decision(set: &Set, name: &str, engine: &str, input: &[u8], decision: &str) {
    let code = Some(i32::from(decision != "allow"));
    let run = set.ask(name, input);
    assert_eq!((run.code, run.text()), (code, format!("{decision}\n").as_str()), "{}", run.stderr);
    assert_eq!(run.stderr, "");
    let run = set.ask_with(&["--json"], name, input);
    let decided = json!({"name": name, "engine": engine, "decision": decision});
    assert_eq!((run.code, run.json(), run.stderr.as_str()), (code, decided, ""));
}

/// That there is no answer, and why.
#[track_caller]
fn check_none(run: &Run, message: &str) {
    assert_eq!((run.code, run.text()), (Some(2), ""), "{}", run.stderr);
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

#[test]
fn printed_example_is_taken_as_it_is_by_both_engines() {
    let set = both("example");
    for input in [kest(["policy", "input"], b"").stdout, kest(["policy", "input", "--json"], b"").stdout] {
        check_decision(&set, "acme/trusted", "cedar", &input, "allow");
        check_decision(&set, "acme/scoped", "rego", &input, "allow");
    }
}

#[test]
fn policy_says_no_to_another_document() {
    let set = both("no");
    let less = example_with("/subject/trust_score", json!(59));
    check_decision(&set, "acme/trusted", "cedar", &less, "deny");
    check_decision(&set, "acme/scoped", "rego", &less, "allow");
    let other = example_with("/subject/scopes", json!(["invoice:read"]));
    check_decision(&set, "acme/trusted", "cedar", &other, "allow");
    check_decision(&set, "acme/scoped", "rego", &other, "deny");
}

#[test]
fn every_policy_of_the_library_allows_the_example() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let input = kest(["policy", "input"], b"").stdout;
    for engine in ["cedar", "rego"] {
        let folder = library.join(engine);
        let checked = kest(["policy", "check", "--json", folder.to_str().unwrap()], b"").json();
        let policies = checked["policies"].as_array().unwrap();
        assert!(policies.len() >= 8, "{checked}");
        for policy in policies {
            let [file, name] = ["file", "name"].map(|member| policy[member].as_str().unwrap().to_owned());
            let arguments = ["policy", "eval", "--policy", &file].map(str::to_owned);
            check_decision(&Set { arguments: arguments.into() }, &name, engine, &input, "allow");
        }
    }
}

#[test]
fn schema_that_is_given_takes_the_place_of_the_built_in_one() {
    let owned =
        Cedar::BUILT_IN_SCHEMA.replace("type Attributes = {", "type Attributes = {\n owner?: String,");
    let schema = file(&directory("policy_eval_schema"), "owned.schema", owned);
    let text = CEDAR.replace("subject.trust_score >= 60", "object.attributes has owner");
    let set = Set::of("schema_set", &[("owner.cedar", &text)]);
    let input = example_with("/object/attributes", json!({"owner": "ada"}));
    // What the schema does not declare, no policy sees.
    check_decision(&set, "acme/trusted", "cedar", &input, "deny");
    let run = set.ask_with(&["--schema", &schema], "acme/trusted", &input);
    assert_eq!((run.code, run.text()), (Some(0), "allow\n"), "{}", run.stderr);
    let second = file(&directory("policy_eval_second_schema"), "second.cedarschema", "");
    let run = set.ask_with(&["--schema", &schema, "--policy", &second], "acme/trusted", &input);
    check_none(&run, "owned.schema: is a second schema");
}

#[test]
fn one_policy_is_asked_and_no_other_can_say_yes_for_it() {
    let open = "permit (principal, action, resource);";
    let set = Set::of("one", &[("trusted.cedar", CEDAR), ("open.cedar", open)]);
    let less = example_with("/subject/trust_score", json!(59));
    check_decision(&set, "acme/trusted", "cedar", &less, "deny");
    check_decision(&set, "open", "cedar", &less, "allow");
}

#[test]
fn policy_that_fails_is_an_error_and_no_answer_of_either_kind() {
    let cedar = CEDAR.replace(">= 60", "* 9223372036854775807 >= 60");
    let rego = "package acme.torn\n\nallow := true\n\nallow := false if input.subject.user\n";
    let set = Set::of("fails", &[("overflow.cedar", &cedar), ("torn.rego", rego)]);
    let input = kest(["policy", "input", "--json"], b"").stdout;
    for (name, engine) in [("acme/trusted", "cedar"), ("acme/torn", "rego")] {
        let run = set.ask(name, &input);
        assert_eq!((run.code, run.text()), (Some(1), "error\n"), "{name}: {}", run.stderr);
        let reason = run.stderr.strip_prefix("kest: ").unwrap().trim_end();
        assert!(reason.starts_with("policy cannot be evaluated: "), "{reason}");
        let run = set.ask_with(&["--json"], name, &input);
        let decided = json!({"name": name, "engine": engine, "decision": "error", "reason": reason});
        assert_eq!((run.code, run.json(), run.stderr.as_str()), (Some(1), decided, ""));
    }
}

#[test]
fn unknown_name_is_no_answer_and_the_known_ones_are_named() {
    let run = both("unknown").ask("acme/thrusted", b"");
    check_none(&run, "no policy is called acme/thrusted; there are acme/trusted, acme/scoped\n");
    check_none(&both("empty_name").ask("", b""), "--name");
}

#[test]
fn document_of_another_shape_is_no_answer() {
    let set = both("shape");
    let valid = kest(["policy", "input"], b"").stdout;
    let text = String::from_utf8(valid).unwrap();
    for wrong in [
        String::new(),
        "{}".into(),
        "[]".into(),
        text.replace("\"identity\"", "\"identify\""),
        text.replacen('{', "{\"extra\": 1,", 1),
        text.replacen('{', "{\"trust_score\": 99,", 1),
        text.replace(": 60", ": \"60\""),
        text.replace(": 60", ": 600"),
        format!("{text}{text}"),
    ] {
        check_none(&set.ask("acme/trusted", wrong.as_bytes()), "kest: input is not a document");
    }
    check_none(
        &set.ask("acme/trusted", " ".repeat(256 * 1024 + 1).as_bytes()),
        "is longer than 262144 bytes",
    );
}

#[test]
fn missing_files_are_no_answer() {
    let set = both("missing");
    let none = directory("policy_eval_none").join("none");
    let none = none.to_str().unwrap();
    let name = ["--name", "acme/trusted"];
    let run = kest(set.arguments.iter().map(String::as_str).chain(name).chain(["--input", none]), b"");
    check_none(&run, "cannot read");
    let valid = kest(["policy", "input"], b"").stdout;
    check_none(&set.ask_with(&["--policy", none], "acme/trusted", &valid), "none: cannot be read");
    check_none(&set.ask_with(&["--schema", none], "acme/trusted", &valid), "none: cannot be read");
}

#[test]
fn policies_with_faults_are_not_asked() {
    let input = kest(["policy", "input"], b"").stdout;
    let set = Set::of("faults", &[("good.cedar", CEDAR), ("broken.rego", "package acme.x\n\nallow if {\n")]);
    let run = set.ask("acme/trusted", &input);
    check_none(&run, "policies cannot be used");
    assert!(run.stderr.lines().next().unwrap().contains("broken.rego:"), "{}", run.stderr);
    let twins = Set::of("twins", &[("good.cedar", CEDAR), ("twin.rego", REGO)]);
    check_none(&twins.ask("acme/trusted", &input), "policy acme/trusted is there twice");
    let text = Set::of("text", &[("policy.txt", CEDAR), ("good.cedar", CEDAR)]);
    check_none(&text.ask("acme/trusted", &input), "is in a language that no engine here reads");
}

#[test]
fn usage_is_told_from_answers() {
    let policy = file(&directory("policy_eval_usage"), "trusted.cedar", CEDAR);
    assert_eq!(kest(["policy", "eval", "--name", "a", "--input", "-"], b"").code, Some(2));
    assert_eq!(kest(["policy", "eval", "--policy", &policy, "--input", "-"], b"").code, Some(2));
    assert_eq!(kest(["policy", "eval", "--policy", &policy, "--name", "a"], b"").code, Some(2));
    assert_eq!(kest(["policy"], b"").code, Some(2));
}
