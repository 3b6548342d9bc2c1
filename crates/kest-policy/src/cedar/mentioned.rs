//! Finds what of the context some policies mention, so that nothing else is made for them.

use std::collections::BTreeMap;

use cedar_policy::PolicySet;
use serde_json::Value;

use super::shape::{Members, Shape};

/// The part of the context that policies mention.
#[derive(Debug, PartialEq, Eq)]
enum Mentioned {
    /// Something that is used as it is: all of it counts.
    Whole,
    /// These members, and nothing but through them.
    Members(BTreeMap<String, Self>),
}

/// The part of `context` that `policies` can tell apart from having nothing there.
pub(super) fn mentioned(context: &Members, policies: &PolicySet) -> Members {
    let mut mentioned = Mentioned::Members(BTreeMap::new());
    for policy in policies.policies() {
        match policy.to_json() {
            Ok(json) => walk(&json, &mut mentioned),
            Err(_) => mentioned = Mentioned::Whole,
        }
    }
    prune(context, &mentioned)
}

/// Takes in every mention below `expression`, which is in Cedar's JSON for policies.
///
/// Only `context.a.b` and `context.a has b` are understood as speaking of a part; any other way in which `context`
/// stands somewhere counts as speaking of all of it.
fn walk(expression: &Value, mentioned: &mut Mentioned) {
    if let Some(path) = path(expression) {
        return mentioned.add(&path);
    }
    match expression {
        Value::Object(members) => members.values().for_each(|inner| walk(inner, mentioned)),
        Value::Array(elements) => elements.iter().for_each(|inner| walk(inner, mentioned)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn path(expression: &Value) -> Option<Vec<&str>> {
    if expression.get("Var").and_then(Value::as_str) == Some("context") {
        return Some(Vec::new());
    }
    let access = expression.get(".").or_else(|| expression.get("has"))?;
    let mut path = path(access.get("left")?)?;
    path.push(access.get("attr")?.as_str()?);
    Some(path)
}

impl Mentioned {
    fn add(&mut self, path: &[&str]) {
        let Self::Members(members) = self else { return };
        match path {
            [] => *self = Self::Whole,
            [name, rest @ ..] => {
                members.entry((*name).to_owned()).or_insert_with(|| Self::Members(BTreeMap::new())).add(rest)
            }
        }
    }
}

fn prune(declared: &Members, mentioned: &Mentioned) -> Members {
    let Mentioned::Members(names) = mentioned else { return declared.clone() };
    let kept = names.iter().filter_map(|(name, mentioned)| {
        let mut member = declared.get(name)?.clone();
        if let Shape::Record(inner) = &member.shape {
            member.shape = Shape::Record(prune(inner, mentioned));
        }
        Some((name.clone(), member))
    });
    kept.collect()
}
