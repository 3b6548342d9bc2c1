//! `kest policy check`: every fault by file and line, or every policy by name.

use std::path::Path;

use kest_policy::cedar::Cedar;
use serde_json::{Value, json};

use super::{CEDAR, REGO, SCOPED};
use crate::support::{Run, directory, file, kest};

fn check(files: &[&str]) -> Run {
    kest(["policy", "check"].iter().chain(files), b"")
}

/// That the one fault of `text` stands in `line`, in both forms of output.
#[track_caller]
fn check_faulty(test: &str, name: &str, text: &str, line: Option<usize>, reason: &str) {
    let path = file(&directory(&format!("policy_check_{test}")), name, text);
    let run = check(&[&path]);
    let place = line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
    assert_eq!((run.code, run.text()), (Some(1), ""), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    let said = run.stderr.strip_prefix(&format!("{place}: ")).unwrap_or_else(|| panic!("{}", run.stderr));
    assert!(said.contains(reason), "{said}");
    let run = check(&["--json", &path]);
    let problem = json!({"file": path, "line": line, "reason": said.trim_end()});
    assert_eq!((run.code, run.json()), (Some(1), json!({"policies": [], "problems": [problem]})));
    assert_eq!(run.stderr, "");
}

/// A directory of policies, and files that are none.
fn good(test: &str) -> (String, [String; 3]) {
    let directory = directory(&format!("policy_check_{test}"));
    let files = [
        file(&directory, "scoped.rego", SCOPED),
        file(&directory, "trusted.cedar", CEDAR),
        file(&directory, "unnamed.cedar", "permit (principal, action, resource);"),
    ];
    file(&directory, "README.md", "no policy");
    file(&directory, "Cargo.toml", "no configuration");
    std::fs::create_dir(directory.join("deeper")).unwrap();
    file(&directory, "deeper/broken.cedar", "permit");
    (directory.to_str().unwrap().to_owned(), files)
}

#[test]
fn good_policies_are_listed_with_engine_and_file() {
    let (directory, [scoped, trusted, unnamed]) = good("good");
    let run = check(&[&directory]);
    let rows: Vec<Vec<&str>> = run.text().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        rows,
        [
            ["acme/trusted", "cedar", trusted.as_str()],
            ["unnamed", "cedar", &unnamed],
            ["acme/scoped", "rego", &scoped],
        ]
    );
    assert!(run.text().starts_with("acme/trusted  cedar  /"), "{}", run.text());
    // The directory and its files are the same set.
    assert_eq!(check(&[&directory, &trusted]), run);
    assert_eq!(check(&[&scoped, &unnamed, &trusted]).code, Some(0));
}

#[test]
fn good_policies_are_listed_as_one_object() {
    let (directory, [scoped, trusted, unnamed]) = good("good_json");
    let run = check(&["--json", &directory]);
    let policies = json!([
        {"name": "acme/trusted", "engine": "cedar", "file": trusted},
        {"name": "unnamed", "engine": "cedar", "file": unnamed},
        {"name": "acme/scoped", "engine": "rego", "file": scoped},
    ]);
    let checked = json!({"policies": policies, "problems": []});
    assert_eq!((run.code, run.json(), run.stderr.as_str()), (Some(0), checked, ""));
}

#[test]
fn cedar_that_does_not_parse_is_refused_with_its_line() {
    let text = CEDAR.replace("permit (", "permit [");
    check_faulty("cedar_syntax", "a.cedar", &text, Some(3), "does not parse");
}

#[test]
fn cedar_that_does_not_fit_the_schema_is_refused_with_its_line() {
    let text = CEDAR.replace(">= 60", r#">= "60""#);
    check_faulty("cedar_type", "a.cedar", &text, Some(4), "is not valid");
    let text = CEDAR.replace("trust_score", "trust_store");
    check_faulty("cedar_member", "a.cedar", &text, Some(4), "trust_store");
}

#[test]
fn cedar_is_validated_against_the_schema_that_is_given() {
    let directory = directory("policy_check_schema");
    let policy = file(&directory, "a.cedar", CEDAR);
    let broken = file(&directory, "b.cedarschema", "entity User;\n\nentity {");
    let run = check(&[&policy, &broken]);
    assert_eq!((run.code, run.text()), (Some(1), ""));
    assert!(run.stderr.starts_with(&format!("{broken}:3: does not parse")), "{}", run.stderr);
    let second = file(&directory, "c.cedarschema", "");
    let run = check(&[&second, &broken]);
    assert!(run.stderr.contains(&format!("{broken}: is a second schema\n")), "{}", run.stderr);
}

#[test]
fn schema_without_policies_is_checked_too() {
    let directory = directory("policy_check_schema_alone");
    let good = file(&directory, "good.cedarschema", Cedar::BUILT_IN_SCHEMA);
    let run = check(&[&good]);
    assert_eq!((run.code, run.text()), (Some(0), ""), "{}", run.stderr);
    assert_eq!(run.stderr, "kest: there is no policy in what was checked\n");
    let broken = file(&directory, "broken.cedarschema", "namespace Kest {\n  entity\n}");
    let run = check(&[&broken]);
    assert_eq!((run.code, run.text()), (Some(1), ""));
    assert!(run.stderr.starts_with(&format!("{broken}:3: ")), "{}", run.stderr);
}

#[test]
fn half_named_file_is_refused() {
    let text = format!("{CEDAR}\nforbid (principal, action, resource) when {{ false }};\n");
    let path = file(&directory("policy_check_half"), "half.cedar", text);
    let run = check(&[&path]);
    assert_eq!((run.code, run.text()), (Some(1), ""));
    assert!(run.stderr.starts_with(&path), "{}", run.stderr);
    assert!(run.stderr.ends_with(": names some of its policies and not others\n"), "{}", run.stderr);
}

#[test]
fn rego_that_does_not_parse_is_refused_with_its_line() {
    check_faulty("rego_syntax", "a.rego", &REGO.replace("allow if", "allow fi"), Some(5), "does not parse");
}

#[test]
fn all_faults_of_all_files_are_told() {
    let directory = directory("policy_check_all");
    let files = [
        file(&directory, "a.cedar", CEDAR.replace(">= 60", ">=")),
        file(&directory, "b.cedar", CEDAR.replace("context", "contest")),
        file(&directory, "c.rego", REGO.replace(":=", ":=:")),
        file(&directory, "d.txt", "permit"),
    ];
    let run = check(&files.each_ref().map(String::as_str));
    assert_eq!((run.code, run.text()), (Some(1), ""));
    for file in files {
        assert!(run.stderr.lines().any(|line| line.starts_with(&file)), "{file}: {}", run.stderr);
    }
}

#[test]
fn policies_of_the_other_language_are_listed_beside_the_problems_of_one() {
    let directory = directory("policy_check_other");
    let broken = file(&directory, "a.cedar", "permit");
    let scoped = file(&directory, "b.rego", SCOPED);
    let run = check(&["--json", &broken, &scoped]);
    let checked = run.json();
    assert_eq!(run.code, Some(1));
    assert_eq!(checked["policies"], json!([{"name": "acme/scoped", "engine": "rego", "file": scoped}]));
    assert_eq!(checked["problems"][0]["file"], Value::from(broken));
}

#[test]
fn one_name_for_two_policies_is_refused_whatever_their_languages() {
    let directory = directory("policy_check_twins");
    let cedar = file(&directory, "a.cedar", CEDAR);
    for (name, text) in [("b.cedar", CEDAR), ("b.rego", REGO)] {
        let twin = file(&directory, name, text);
        let run = check(&[&cedar, &twin]);
        assert_eq!((run.code, run.text()), (Some(1), ""));
        assert!(run.stderr.starts_with(&twin), "{}", run.stderr);
        assert!(run.stderr.ends_with(": policy acme/trusted is there twice\n"), "{}", run.stderr);
    }
}

#[test]
fn other_languages_are_refused() {
    check_faulty("text", "a.txt", "", None, "is in a language that no engine here reads");
}

#[test]
fn configuration_is_checked_with_the_files_that_it_names() {
    let directory = directory("policy_check_configuration");
    file(&directory, "trusted.cedar", CEDAR);
    let text =
        "policy_files = [\"trusted.cedar\"]\nenterprise_policies = [\"acme/trusted\", \"acme/late\"]\n";
    let path = file(&directory, "kest.toml", text);
    let run = check(&[&path]);
    let expected = format!("{path}: policy acme/late is not known to any engine\n");
    assert_eq!((run.code, run.text(), run.stderr.as_str()), (Some(1), "", expected.as_str()));
    let run = check(&[&path, "--known", "acme/late"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.text().starts_with("acme/trusted  cedar"), "{}", run.text());
}

#[test]
fn configuration_that_cannot_be_used_is_named_with_its_line() {
    check_faulty("toml_syntax", "kest.toml", "a = [", Some(1), "does not parse");
    let unknown = "\nenterprise_policys = []";
    check_faulty("toml_member", "kest.toml", unknown, Some(2), "unknown field");
    let expired = "app_policies = [\"p\"]\n[[deviations]]\npolicy = \"p\"\ntier = \"application\"\n\
        operation = \"o\"\nreason = \"r\"\napprover = \"a\"\nexpires = 2020-01-01T00:00:00Z\n";
    check_faulty(
        "toml_expired",
        "kest.toml",
        expired,
        Some(2),
        "deviation from policy p expired at 2020-01-01T00:00:00Z",
    );
}

#[test]
fn what_cannot_be_read_is_no_answer() {
    let directory = directory("policy_check_unreadable");
    let good = file(&directory, "good.cedar", CEDAR);
    let missing = directory.join("none.cedar");
    let binary = file(&directory, "binary.rego", b"\xff");
    let long = file(&directory, "long.cedar", " ".repeat(1024 * 1024 + 1));
    std::fs::create_dir(directory.join("empty")).unwrap();
    let empty = directory.join("empty");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    for (name, message) in [
        (path(&missing), "none.cedar: cannot be read"),
        (binary, "binary.rego: cannot be read"),
        (long, "long.cedar: is over the limit of 1048576 bytes"),
        (path(&empty), "no file of a policy language"),
    ] {
        for flags in [&[][..], &["--json"]] {
            let run = check(&[&[name.as_str()][..], flags].concat());
            assert_eq!((run.code, run.text()), (Some(2), ""), "{name}");
            assert!(run.stderr.contains(message), "{}", run.stderr);
        }
    }
    assert_eq!(check(&[&good, &path(&missing)]).code, Some(2));
    assert_eq!(check(&[]).code, Some(2));
}

#[test]
fn more_files_than_a_deployment_loads_are_refused() {
    let directory = directory("policy_check_many");
    // Neither language alone has too many.
    for index in 0..257 {
        let (language, text) = if index % 2 == 0 { ("cedar", CEDAR) } else { ("rego", REGO) };
        file(&directory, &format!("{index:03}.{language}"), text);
    }
    let run = check(&[directory.to_str().unwrap()]);
    assert_eq!((run.code, run.text()), (Some(1), ""));
    assert!(run.stderr.contains("256.cedar: is one of more than 256 files\n"), "{}", run.stderr);
}

#[test]
fn file_name_reaches_no_terminal_unescaped() {
    let path = file(&directory("policy_check_hostile"), "a\u{1b}[2J\n.cedar", CEDAR);
    let run = check(&[&path]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.text().ends_with("a\\u{1b}[2J\\u{a}.cedar\n"), "{}", run.text());
    std::fs::write(&path, "permit\n").unwrap();
    let run = check(&[&path]);
    assert!(!run.stderr.contains('\u{1b}') && run.stderr.lines().count() == 1, "{}", run.stderr);
}
