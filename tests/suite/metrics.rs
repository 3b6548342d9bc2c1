//! The one table of metrics says of each that the code has what the code does; dashboard and alert rules name no other, nor kinds of
//! refusals that are not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kest_tower::RejectionKind;

/// A metric, as the table or the code has it.
#[derive(Debug, PartialEq, Eq)]
struct Metric {
    /// `counter`, `gauge`, `histogram`, with `, seconds` where that is its unit.
    kind: String,
    labels: BTreeSet<String>,
}

#[test]
fn table_of_metrics_is_what_the_code_counts() {
    let listed = rows();
    assert!(listed.len() > 30, "{listed:?}");
    assert_eq!(coded(), listed);
}

#[test]
fn dashboard_and_alert_rules_ask_for_metrics_that_are_there() {
    let listed = rows();
    for file in ["dashboard.json", "alerts.yml"] {
        let text = std::fs::read_to_string(root().join("docs/telemetry").join(file)).unwrap();
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let asked: Vec<&str> = words.filter(|word| word.starts_with("kest_")).collect();
        assert!(asked.len() > 5, "{file}");
        for name in asked {
            assert!(listed.contains_key(name), "{file} asks for {name}");
        }
    }
    let dashboard = std::fs::read_to_string(root().join("docs/telemetry/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert_eq!(dashboard["panels"].as_array().unwrap().len(), 8);
}

#[test]
fn alert_rules_ask_for_kinds_that_are_there_and_for_all_faults_of_the_service() {
    let coded = kinds();
    for kind in RejectionKind::ALL {
        assert!(coded.contains_key(kind.as_str()), "{} was not read", kind.as_str());
    }
    let rules = std::fs::read_to_string(root().join("docs/telemetry/alerts.yml")).unwrap();
    let mut faults = None;
    for rule in rules.split("- alert: ").skip(1) {
        let alert = rule.lines().next().unwrap();
        let mut asked = BTreeSet::new();
        for list in rule.split("kind=~\"").skip(1) {
            asked.extend(list.split('"').next().unwrap().split('|').map(str::to_owned));
        }
        for kind in &asked {
            assert!(coded.contains_key(kind), "{alert} asks for {kind}");
        }
        if alert == "KestServiceIsMisconfigured" {
            faults = Some(asked);
        }
    }
    let of_the_service = coded.iter().filter(|(_, actors)| actors.contains("Service"));
    assert_eq!(faults, Some(of_the_service.map(|(kind, _)| kind.clone()).collect()));
}

/// A counter begins with its first event, as one: `increase` and `rate` see nothing of that.
#[test]
fn alert_rules_that_wait_for_one_event_see_the_first_too() {
    let rules = std::fs::read_to_string(root().join("docs/telemetry/alerts.yml")).unwrap();
    let mut seen = 0;
    for rule in rules.split("- alert: ").skip(1) {
        let asks = rule.split("expr:").nth(1).unwrap().split("labels:").next().unwrap();
        let any = asks.contains("rate(") || asks.contains("increase(");
        if any && asks.contains("> 0") {
            seen += 1;
            assert!(asks.contains(" unless ") && asks.contains(" offset "), "{rule}");
        }
    }
    assert_eq!(seen, 3);
}

/// The table of the guide.
fn rows() -> BTreeMap<String, Metric> {
    let guide = include_str!("../../docs/guides/telemetry.md");
    let mut rows = BTreeMap::new();
    for row in guide.lines().filter(|line| line.starts_with("| `kest_")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let metric = Metric { kind: cells[2].to_owned(), labels };
        let before = rows.insert(cells[1].trim_matches('`').to_owned(), metric);
        assert!(before.is_none(), "a metric stands twice: {row}");
    }
    rows
}

/// What the calls of the facade's macros say. A constant has one meaning in a crate.
fn coded() -> BTreeMap<String, Metric> {
    let mut all = BTreeMap::new();
    for folder in std::fs::read_dir(root().join("crates")).unwrap() {
        let files = sources(&folder.unwrap().path()).into_iter();
        let code: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let code = code.join("\n");
        let constants = code.lines().filter(|line| line.contains(": &str = \"kest_"));
        for line in constants {
            let (constant, name) = (line.split(':').next().unwrap(), line.split('"').nth(1).unwrap());
            let constant = constant.split_whitespace().last().unwrap();
            let emitted: Vec<Metric> = ["counter", "gauge", "histogram"]
                .into_iter()
                .flat_map(|kind| calls(&code, kind, constant).map(move |rest| (kind, rest)))
                .map(|(kind, rest)| Metric { kind: kind.to_owned(), labels: labels(rest) })
                .collect();
            let [first, others @ ..] = &emitted[..] else { panic!("{name} is not counted") };
            assert!(others.iter().all(|it| it == first), "{name} has one kind and one list of labels");
            let described: Vec<&str> = calls(&code, &format!("describe_{}", first.kind), constant).collect();
            let [described] = described[..] else { panic!("{name} is not described once, as what it is") };
            let seconds = described.split(");").next().unwrap().contains("metrics::Unit::Seconds");
            let unit = if seconds { ", seconds" } else { "" };
            let metric = Metric { kind: format!("{}{unit}", first.kind), labels: first.labels.clone() };
            assert!(all.insert(name.to_owned(), metric).is_none(), "{name} is two metrics");
        }
        for kind in ["counter", "gauge", "histogram"] {
            for rest in code.split(&format!("metrics::{kind}!(")).skip(1) {
                let named = rest.trim_start().starts_with(|letter: char| letter.is_ascii_uppercase());
                assert!(named, "every metric is a constant: {}", rest.lines().next().unwrap_or_default());
            }
        }
    }
    all
}

/// What follows the constant in each call of the macro `kind`.
fn calls<'it>(code: &'it str, kind: &str, constant: &'it str) -> impl Iterator<Item = &'it str> + use<'it> {
    let calls: Vec<&str> = code.split(&format!("metrics::{kind}!(")).skip(1).collect();
    let rest = calls.into_iter().filter_map(move |rest| rest.trim_start().strip_prefix(constant));
    rest.filter(|rest| rest.starts_with([',', ')']))
}

/// The names before the arrows, up to what is done with the metric.
fn labels(rest: &str) -> BTreeSet<String> {
    let ends = [".increment(", ".set(", ".record("].iter().filter_map(|end| rest.find(end));
    let (arguments, _) = rest.split_at(ends.min().unwrap());
    let parts: Vec<&str> = arguments.split('"').collect();
    let named = parts.windows(2).filter(|pair| pair[1].trim_start().starts_with("=>"));
    named.map(|pair| pair[0].to_owned()).collect()
}

/// Each kind of a refusal in the code, with those who must act.
fn kinds() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut kinds: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for file in sources(&root().join("crates")) {
        let code = std::fs::read_to_string(file).unwrap();
        let parts: Vec<&str> = code.split('"').collect();
        for pair in parts.windows(2) {
            let (kind, rest) = (pair[0], pair[1].trim_start_matches([',', ' ', '\n']));
            let rest = rest.strip_prefix("Actor::").unwrap_or(rest);
            let spelled = kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let word = rest.split(|letter: char| !letter.is_ascii_alphanumeric()).next();
            let actor = ["Caller", "Service", "Dependency"].into_iter().find(|actor| word == Some(actor));
            if let (true, Some(actor)) = (spelled && !kind.is_empty(), actor) {
                kinds.entry(kind.to_owned()).or_default().insert(actor);
            }
        }
    }
    kinds
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
