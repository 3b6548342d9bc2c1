//! Cedar values straight from the text of a document: its declared members alone, in one pass.

use std::fmt;

use cedar_policy::RestrictedExpression;
use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::shape::{Member, Members, Nulls, Presence, Shape};

/// The declared members of a record.
pub(super) type Pairs = Vec<(String, RestrictedExpression)>;

/// What of `document`, a JSON object in canonical form, is declared. What is not declared is not judged: the document is the library's
/// own. An error does not say where: reading it as a value does.
pub(super) fn pairs(declared: &Members, document: &str) -> Result<Pairs, serde_json::Error> {
    let mut text = serde_json::Deserializer::from_str(document);
    let pairs = Record(declared).deserialize(&mut text)?;
    text.end().map(|()| pairs)
}

impl<'de> DeserializeSeed<'de> for &Shape {
    type Value = RestrictedExpression;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        match self {
            Shape::Truth => bool::deserialize(value).map(RestrictedExpression::new_bool),
            Shape::Whole => i64::deserialize(value).map(RestrictedExpression::new_long),
            Shape::Text => String::deserialize(value).map(RestrictedExpression::new_string),
            Shape::Set(element, nulls) => {
                let elements = value.deserialize_seq(Elements { element, nulls: *nulls })?;
                Ok(RestrictedExpression::new_set(elements))
            }
            Shape::Record(members) => {
                let pairs = Record(members).deserialize(value)?;
                RestrictedExpression::new_record(pairs).map_err(Error::custom)
            }
        }
    }
}

/// A value that may be null.
struct Nullable<'it>(&'it Shape);

impl<'de> DeserializeSeed<'de> for Nullable<'_> {
    type Value = Option<RestrictedExpression>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Nullable<'_> {
    type Value = Option<RestrictedExpression>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of the declared type, or null")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(value).map(Some)
    }
}

struct Elements<'it> {
    element: &'it Shape,
    nulls: Nulls,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Vec<RestrictedExpression>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        match self.nulls {
            Nulls::Refused => {
                while let Some(element) = list.next_element_seed(self.element)? {
                    elements.push(element);
                }
            }
            Nulls::Dropped => {
                while let Some(element) = list.next_element_seed(Nullable(self.element))? {
                    elements.extend(element);
                }
            }
        }
        Ok(elements)
    }
}

struct Record<'it>(&'it Members);

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = Pairs;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Pairs, D::Error> {
        value.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = Pairs;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Pairs, A::Error> {
        let mut pairs = Pairs::with_capacity(self.0.len());
        let mut last: Option<&String> = None;
        let mut required = self.0.values().filter(|member| member.presence == Presence::Required).count();
        while let Some(declared) = object.next_key_seed(Name(self.0))? {
            let Some((name, member)) = declared else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            // In canonical form names are in order, and none is there twice.
            if last.replace(name).is_some_and(|last| last >= name) {
                return Err(Error::custom("names are not in order"));
            }
            match (object.next_value_seed(Nullable(&member.shape))?, member.presence) {
                (None, Presence::Optional) => {}
                (None, Presence::Required) => return Err(Error::custom("null")),
                (Some(value), presence) => {
                    if presence == Presence::Required {
                        required = required.saturating_sub(1);
                    }
                    pairs.push((name.clone(), value));
                }
            }
        }
        if required == 0 { Ok(pairs) } else { Err(Error::custom("a member is missing")) }
    }
}

/// The name of a member: that of a declared one, if it is one.
struct Name<'it>(&'it Members);

impl<'de, 'it> DeserializeSeed<'de> for Name<'it> {
    type Value = Option<(&'it String, &'it Member)>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_str(self)
    }
}

impl<'it> Visitor<'_> for Name<'it> {
    type Value = Option<(&'it String, &'it Member)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get_key_value(name))
    }
}
