//! The one table of metrics names each that the code has, and the dashboard and the alert rules name no other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn table_of_metrics_is_what_the_code_counts() {
    let mut coded = BTreeSet::new();
    for file in sources(&root().join("crates")) {
        let code = std::fs::read_to_string(&file).unwrap();
        // Every name is a constant that its macro is given: no metric is named anywhere else.
        for line in code.lines().filter(|line| line.contains(": &str = \"kest_")) {
            coded.insert(line.split('"').nth(1).unwrap().to_owned());
        }
        for (macro_name, rest) in calls(&code) {
            let first = rest.trim_start();
            let constant = first.starts_with(|letter: char| letter.is_ascii_uppercase());
            assert!(constant || first.starts_with("$"), "{}: {macro_name}!({first}", file.display());
        }
    }
    let listed = rows();
    let listed_names: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), listed_names.len(), "a metric stands twice");
    assert!(coded.len() > 30, "{coded:?}");
    assert_eq!(coded, listed_names);
}

#[test]
fn dashboard_and_alert_rules_ask_for_metrics_that_are_there() {
    let listed: BTreeSet<String> = rows().into_iter().collect();
    for file in ["dashboard.json", "alerts.yml"] {
        let text = std::fs::read_to_string(root().join("docs/telemetry").join(file)).unwrap();
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let asked: Vec<&str> = words.filter(|word| word.starts_with("kest_")).collect();
        assert!(asked.len() > 5, "{file}");
        for name in asked {
            assert!(listed.contains(name), "{file} asks for {name}");
        }
    }
    let dashboard = std::fs::read_to_string(root().join("docs/telemetry/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert_eq!(dashboard["panels"].as_array().unwrap().len(), 8);
}

/// The first cells of the table.
fn rows() -> Vec<String> {
    let guide = include_str!("../../docs/guides/telemetry.md");
    let names = guide.lines().filter_map(|line| line.strip_prefix("| `kest_"));
    names.map(|rest| format!("kest_{}", rest.split('`').next().unwrap())).collect()
}

/// What each call of a macro of the facade begins with.
fn calls(code: &str) -> Vec<(&'static str, &str)> {
    let macros = ["metrics::counter!(", "metrics::gauge!(", "metrics::histogram!("];
    macros.iter().flat_map(|it| code.split(it).skip(1).map(move |rest| (*it, rest))).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("tests") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
