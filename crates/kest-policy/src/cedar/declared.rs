//! Reads from a schema what a document may have, resolving the names of types.

use serde_json::Value;

use super::shape::{Member, Members, Nulls, Presence, Shape};

/// A type is declared that nothing in a document can have.
#[derive(Debug, thiserror::Error)]
#[error("no member of a policy input has the type {0}")]
pub(super) struct NoSuchValue(String);

/// The declared shape of `kind`, a type of `schema` in Cedar's resolved JSON.
pub(super) fn shape(schema: &Value, kind: &Value) -> Result<Shape, NoSuchValue> {
    let name = kind.get("type").and_then(Value::as_str).unwrap_or_default();
    match name {
        "String" | "__cedar::String" => Ok(Shape::Text),
        "Long" | "__cedar::Long" => Ok(Shape::Whole),
        "Bool" | "Boolean" | "__cedar::Bool" => Ok(Shape::Truth),
        "Set" => {
            let element = shape(schema, kind.get("element").unwrap_or(&Value::Null))?;
            Ok(Shape::Set(Box::new(element), Nulls::Refused))
        }
        "Record" => record(schema, kind),
        "Entity" => Err(NoSuchValue(text(kind, "name").to_owned())),
        _ => shape(schema, common(schema, name).ok_or_else(|| NoSuchValue(name.to_owned()))?),
    }
}

fn record(schema: &Value, kind: &Value) -> Result<Shape, NoSuchValue> {
    let mut members = Members::new();
    for (name, kind) in kind.get("attributes").and_then(Value::as_object).into_iter().flatten() {
        let required = kind.get("required").and_then(Value::as_bool).unwrap_or(true);
        let presence = if required { Presence::Required } else { Presence::Optional };
        members.insert(name.clone(), Member { shape: shape(schema, kind)?, presence });
    }
    Ok(Shape::Record(members))
}

/// The definition of the type called `name`, a path with `::`.
fn common<'schema>(schema: &'schema Value, name: &str) -> Option<&'schema Value> {
    let (namespace, name) = name.rsplit_once("::").unwrap_or(("", name));
    schema.get(namespace)?.get("commonTypes")?.get(name)
}

fn text<'value>(value: &'value Value, member: &str) -> &'value str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Entries of the lineage that have no user or no resource say null, and then the set lacks it.
pub(super) fn drop_nulls_of_chain(context: &mut Members) {
    if let Some(Shape::Record(lists)) = context.get_mut("chain").map(|member| &mut member.shape) {
        for list in lists.values_mut() {
            if let Shape::Set(_, nulls) = &mut list.shape {
                *nulls = Nulls::Dropped;
            }
        }
    }
}
