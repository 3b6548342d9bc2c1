//! Each policy once more in plain Rust, as a third opinion: twins that are wrong together are noticed.

use std::ops::RangeInclusive;

use serde_json::Value;

/// Whether the policy called `name` allows what `document` describes.
pub(super) fn allows(name: &str, document: &Value) -> bool {
    let attributes = &document["object"]["attributes"];
    let verdict = match name {
        "kest/trust_threshold" => trust_threshold(document, attributes),
        "kest/forbidden_taints" => forbidden_taints(document, attributes),
        "kest/required_user_and_scope" => required_user_and_scope(document, attributes),
        "kest/bell_lapadula" => bell_lapadula(document, attributes),
        "kest/biba" => biba(document, attributes),
        "kest/brewer_nash" => brewer_nash(document, attributes),
        "kest/clark_wilson" => clark_wilson(document, attributes),
        "kest/goguen_meseguer" => goguen_meseguer(document, attributes),
        unknown => panic!("no model of {unknown}"),
    };
    verdict.unwrap_or(false)
}

/// `None` is what a missing or mistyped attribute comes to.
type Verdict = Option<bool>;

fn trust_threshold(document: &Value, attributes: &Value) -> Verdict {
    let least = whole(&attributes["min_trust"], 0..=100)?;
    Some(trust(document) >= least)
}

fn forbidden_taints(document: &Value, attributes: &Value) -> Verdict {
    let forbidden = strings(&attributes["forbidden_taints"])?;
    let taints = strings(&document["subject"]["taints"])?;
    Some(!taints.iter().any(|taint| forbidden.contains(taint)))
}

fn required_user_and_scope(document: &Value, attributes: &Value) -> Verdict {
    let required = strings(&attributes["required_scopes"])?;
    let scopes = strings(&document["subject"]["scopes"])?;
    known_user(document)?;
    Some(required.iter().all(|scope| scopes.contains(scope)))
}

fn bell_lapadula(document: &Value, attributes: &Value) -> Verdict {
    let object = whole(&attributes["level"], 0..=3)?;
    let clearance = if is_verified(document) {
        highest(&document["subject"]["roles"], "clearance:")?
    } else {
        return Some(false);
    };
    let current = highest(&document["subject"]["taints"], "level:").unwrap_or(0);
    if current > clearance {
        return Some(false);
    }
    match attributes["access"].as_str()? {
        "read" => Some(object <= clearance),
        "write" => Some(object >= current),
        _ => None,
    }
}

fn biba(document: &Value, attributes: &Value) -> Verdict {
    let object = whole(&attributes["integrity"], 0..=100)?;
    match attributes["access"].as_str()? {
        "read" => Some(object >= trust(document)),
        "write" => Some(object <= trust(document)),
        _ => None,
    }
}

fn brewer_nash(document: &Value, attributes: &Value) -> Verdict {
    let conflicts = strings(&attributes["conflicts"])?;
    let chain = &document["chain"];
    let lists = [&chain["resources"], &chain["principals"], &chain["operations"]];
    let mut touched = lists.into_iter().flat_map(named);
    Some(is_bound(document) && !touched.any(|name| conflicts.contains(&name)))
}

fn clark_wilson(document: &Value, attributes: &Value) -> Verdict {
    let certified = strings(&attributes["certified_operations"])?;
    let required = strings(&attributes["required_operations"])?;
    let separate = attributes["separation_of_duty"].as_bool()?;
    let user = known_user(document)?;
    let operation = document["environment"]["operation"].as_str()?;
    let history = &document["object"]["history"];
    let done = named(&history["operations"]);
    let hands = named(&history["users"]);
    Some(
        is_bound(document)
            && certified.contains(&operation)
            && required.iter().all(|step| done.contains(step))
            && !(separate && hands.contains(&user)),
    )
}

fn goguen_meseguer(document: &Value, attributes: &Value) -> Verdict {
    let high_taints = strings(&attributes["high_taints"])?;
    let high_sources = strings(&attributes["high_sources"])?;
    let (subject, chain) = (&document["subject"], &document["chain"]);
    let environment = &document["environment"];
    let mut labels = named(&subject["taints"]);
    labels.extend(environment["source_type"].as_str());
    let mut sources: Vec<&str> = ["users", "principals", "operations", "resources"]
        .into_iter()
        .flat_map(|list| named(&chain[list]))
        .collect();
    sources.extend(
        [&subject["user"], &subject["workload"], &environment["operation"]]
            .into_iter()
            .filter_map(Value::as_str),
    );
    let is_high = labels.iter().any(|label| high_taints.contains(label))
        || sources.iter().any(|source| high_sources.contains(source));
    match attributes["domain"].as_str()? {
        "high" => Some(true),
        "low" => Some(is_bound(document) && !is_high),
        _ => None,
    }
}

/// Whether nothing can have been cut off the end of the lineage.
fn is_bound(document: &Value) -> bool {
    let environment = &document["environment"];
    environment["is_root"] == true || matches!(environment["hop_proof"].as_str(), Some("signature" | "peer"))
}

fn trust(document: &Value) -> i64 {
    document["subject"]["trust_score"].as_i64().unwrap()
}

fn is_verified(document: &Value) -> bool {
    matches!(document["subject"]["identity_source"].as_str(), Some("jwt" | "lineage"))
}

fn known_user(document: &Value) -> Option<&str> {
    let user = document["subject"]["user"].as_str()?;
    (is_verified(document) && !user.is_empty()).then_some(user)
}

/// A whole number within `range`; `40.0` is one, since canonical JSON writes it `40`.
fn whole(value: &Value, range: RangeInclusive<i64>) -> Option<i64> {
    range.into_iter().find(|whole| value.as_f64() == f64::from(i32::try_from(*whole).unwrap()).into())
}

/// The elements of a list of nothing but strings.
fn strings(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// The strings of a list.
fn named(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

/// The highest of the labels that are `prefix` and one digit of 0 to 3.
fn highest(labels: &Value, prefix: &str) -> Option<i64> {
    let digits = named(labels).into_iter().filter_map(|label| label.strip_prefix(prefix));
    digits
        .filter(|digit| matches!(*digit, "0" | "1" | "2" | "3"))
        .filter_map(|digit| digit.parse().ok())
        .max()
}
