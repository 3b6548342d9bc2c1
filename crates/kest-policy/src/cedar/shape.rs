//! The part of a document that a schema declares, as Cedar values of exactly the declared types.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cedar_policy::{Context, RestrictedExpression};
use kest_core::{BoxError, parse_strict_json};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::straight::{self, Pairs};

/// What the schema declares at one place of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Truth,
    Whole,
    Text,
    Set(Box<Self>, Nulls),
    Record(Members),
}

/// What the schema declares in one record.
pub(super) type Members = BTreeMap<String, Member>;

/// What a null among the elements of a set means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// Nothing that Cedar could be told.
    Refused,
    /// That this entry of the lineage has no such thing.
    Dropped,
}

/// A member of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) shape: Shape,
    pub(super) presence: Presence,
}

/// Whether a member may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// A document does not have what the schema declares. Names places, never what stands there.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("policy input has nothing that the schema requires at {0}")]
    Missing(String),
    #[error("policy input has no {expected} that the schema declares at {path}")]
    Other { expected: &'static str, path: String },
    #[error("policy input is no context")]
    Context(#[source] BoxError),
}

/// The nesting that the parser reads; documents were bounded when they were made.
const DEEPEST: usize = 127;

/// The context of a request: what of `document`, a JSON object, is declared.
///
/// Every value is made by its own type and none is read as Cedar's JSON, whose escapes turn objects into entities and
/// extension values.
pub(super) fn context(declared: &Members, document: &str) -> Result<Context, Unfit> {
    let pairs = match straight::pairs(declared, document) {
        Ok(pairs) => pairs,
        // Once more, to say what does not fit, and where.
        Err(_unfit) => read(declared, document)?,
    };
    Context::from_pairs(pairs).map_err(|cause| Unfit::Context(cause.into()))
}

fn read(declared: &Members, document: &str) -> Result<Pairs, Unfit> {
    let unread = |cause: serde_json::Error| Unfit::Context(cause.into());
    // Members that are not declared are skimmed, not read.
    let mut unread_members: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(document).map_err(unread)?;
    let mut members = Map::new();
    for name in declared.keys() {
        if let Some(member) = unread_members.remove(name.as_str()) {
            let value = parse_strict_json(member.get().as_bytes(), DEEPEST)
                .map_err(|cause| Unfit::Context(cause.into()))?;
            members.insert(name.clone(), value);
        }
    }
    pairs(declared, members)
}

impl Shape {
    fn value(&self, value: Value) -> Result<RestrictedExpression, Unfit> {
        match (self, value) {
            (Self::Truth, Value::Bool(truth)) => Ok(RestrictedExpression::new_bool(truth)),
            (Self::Text, Value::String(text)) => Ok(RestrictedExpression::new_string(text)),
            (Self::Whole, Value::Number(number)) => number
                .as_i64()
                .map(RestrictedExpression::new_long)
                .ok_or_else(|| Unfit::other(self.noun(), "")),
            (Self::Set(element, nulls), Value::Array(elements)) => set(element, *nulls, elements),
            (Self::Record(members), Value::Object(object)) => {
                RestrictedExpression::new_record(pairs(members, object)?)
                    .map_err(|cause| Unfit::Context(cause.into()))
            }
            _ => Err(Unfit::other(self.noun(), "")),
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Whole => "whole number of 64 bits",
            Self::Text => "string",
            Self::Set(..) => "list",
            Self::Record(_) => "object",
        }
    }
}

fn set(element: &Shape, nulls: Nulls, elements: Vec<Value>) -> Result<RestrictedExpression, Unfit> {
    let kept = elements.into_iter().filter(|value| nulls == Nulls::Refused || !value.is_null());
    let values: Result<Vec<_>, _> = kept.map(|value| element.value(value)).collect();
    values.map(RestrictedExpression::new_set).map_err(|unfit| unfit.below("[]"))
}

/// The declared members; the others stay unseen, as the validator assumes of every record.
fn pairs(members: &Members, mut object: Map<String, Value>) -> Result<Pairs, Unfit> {
    let mut pairs = Vec::with_capacity(members.len());
    for (name, member) in members {
        match (object.remove(name), member.presence) {
            (None | Some(Value::Null), Presence::Optional) => {}
            (None | Some(Value::Null), Presence::Required) => return Err(Unfit::Missing(name.clone())),
            (Some(value), _) => {
                let value = member.shape.value(value).map_err(|unfit| unfit.below(name))?;
                pairs.push((name.clone(), value));
            }
        }
    }
    Ok(pairs)
}

impl Unfit {
    fn other(expected: &'static str, path: &str) -> Self {
        Self::Other { expected, path: path.to_owned() }
    }

    /// The same, seen from one level up.
    fn below(self, name: &str) -> Self {
        let path = |path: String| match path.chars().next() {
            None => name.to_owned(),
            Some('[') => format!("{name}{path}"),
            Some(_) => format!("{name}.{path}"),
        };
        match self {
            Self::Missing(inner) => Self::Missing(path(inner)),
            Self::Other { expected, path: inner } => Self::Other { expected, path: path(inner) },
            Self::Context(cause) => Self::Context(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cedar::straight;

    fn member(shape: Shape, presence: Presence) -> Member {
        Member { shape, presence }
    }

    /// Those whose name ends in `?` may be absent.
    fn members<const N: usize>(declared: [(&str, Shape); N]) -> Members {
        let declared = declared.into_iter().map(|(name, shape)| match name.strip_suffix('?') {
            Some(name) => (name.to_owned(), member(shape, Presence::Optional)),
            None => (name.to_owned(), member(shape, Presence::Required)),
        });
        declared.collect()
    }

    fn texts(nulls: Nulls) -> Shape {
        Shape::Set(Box::new(Shape::Text), nulls)
    }

    fn declared() -> Members {
        let inner = members([("text", Shape::Text), ("truth?", Shape::Truth)]);
        members([
            ("list", texts(Nulls::Refused)),
            ("holes?", texts(Nulls::Dropped)),
            ("inner?", Shape::Record(inner)),
            ("whole?", Shape::Whole),
        ])
    }

    /// Attack: a document that one way of reading takes otherwise than the other.
    #[test]
    fn both_ways_of_reading_take_the_same_documents_and_make_the_same_of_them() {
        let fitting = [
            r#"{"list":[]}"#,
            r#"{"holes":["x",null],"inner":{"text":"\u0041\"","truth":true},"list":["b","a","a"],"whole":-9223372036854775808}"#,
            r#"{"holes":null,"inner":null,"list":["a"],"whole":null}"#,
            r#"{"inner":{"other":[null],"text":""},"list":["a"],"other":{"__entity":{"type":"T","id":"1"},"list":[1.5,{}]}}"#,
        ];
        let unfit = [
            r#"{}"#,
            r#"{"list":null}"#,
            r#"{"list":[null]}"#,
            r#"{"list":["a",1]}"#,
            r#"{"list":[],"whole":1.5}"#,
            r#"{"list":[],"whole":9223372036854775808}"#,
            r#"{"list":[],"whole":"1"}"#,
            r#"{"inner":{},"list":[]}"#,
            r#"{"inner":{"text":{"__entity":{"type":"T","id":"1"}}},"list":[]}"#,
            r#"{"inner":{"text":"a","truth":1},"list":[]}"#,
            r#"{"inner":{"text":"a","text":"b"},"list":[]}"#,
            r#"{"inner":{"text":"a","truth":null,"truth":true},"list":[]}"#,
            r#"{"inner":["a"],"list":[]}"#,
            r#"{"list":[]"#,
            r#"[]"#,
        ];
        let declared = declared();
        for document in fitting {
            let straight = Context::from_pairs(straight::pairs(&declared, document).unwrap()).unwrap();
            assert_eq!(
                straight,
                Context::from_pairs(read(&declared, document).unwrap()).unwrap(),
                "{document}"
            );
        }
        // Out of order: what is not canonical is read the other way.
        for document in [r#"{"whole":1,"list":[]}"#, r#"{"list":["a"],"list":[]}"#] {
            assert!(straight::pairs(&declared, document).is_err(), "{document}");
            assert_eq!(
                context(&declared, document).unwrap(),
                Context::from_pairs(read(&declared, document).unwrap()).unwrap()
            );
        }
        for document in unfit {
            assert!(read(&declared, document).is_err(), "{document}");
            assert!(context(&declared, document).is_err(), "{document}");
            assert!(straight::pairs(&declared, document).is_err(), "{document}");
        }
    }
}
