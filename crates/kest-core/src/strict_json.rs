//! Reads JSON of strangers and refuses what two readers could understand differently.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Parses one JSON text with no member twice and arrays and objects nested at most `depth` deep.
///
/// # Errors
///
/// [`StrictJsonError`], whose cause names a position and never the text.
pub fn parse_strict_json(json: &[u8], depth: usize) -> Result<Value, StrictJsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Strict { depth }.deserialize(&mut deserializer).map_err(StrictJsonError::Syntax)?;
    deserializer.end().map_err(StrictJsonError::Syntax)?;
    Ok(value)
}

/// Parses one JSON object by the same rules.
///
/// # Errors
///
/// [`StrictJsonError`], also for any other JSON value.
pub fn parse_strict_object(json: &[u8], depth: usize) -> Result<Map<String, Value>, StrictJsonError> {
    match parse_strict_json(json, depth)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(StrictJsonError::NotAnObject)
        }
    }
}

/// A text has not exactly one reading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrictJsonError {
    /// No JSON, a member twice, or too deep; the cause names a position and never the text.
    #[error("text is not unambiguous json")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but of another type.
    #[error("text is not a json object")]
    NotAnObject,
}

/// Builds a [`Value`] while counting the nesting that is left.
///
/// A [`Value`] that is read as such takes an object with one name of `serde_json`'s own, `$serde_json::private::RawValue`,
/// for the JSON in its string. Here every object is an object.
#[derive(Clone, Copy)]
pub(crate) struct Strict {
    pub(crate) depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nesting is too deep"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<Name>()? {
            let name = match name {
                Name::Member(name) => name,
                Name::Digits => {
                    return self
                        .visit_f64(entries.next_value::<String>()?.parse().map_err(A::Error::custom)?);
                }
            };
            let value = entries.next_value_seed(self.deeper()?)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        self.deeper::<A::Error>()?;
        Ok(Value::Object(members))
    }
}

/// What a parser offers as the name of a member.
///
/// Where a program has `serde_json` keep numbers as they are written (its feature `arbitrary_precision`), a number that is not an
/// integer comes as a map whose one name stands in no text. Names of a text are read through the JSON parser, which
/// offers them as something that is there; that one is a text at once.
enum Name {
    Member(String),
    Digits,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(OfferedName)
    }
}

struct OfferedName;

impl<'de> Visitor<'de> for OfferedName {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_some<D: Deserializer<'de>>(self, name: D) -> Result<Name, D::Error> {
        String::deserialize(name).map(Name::Member)
    }

    fn visit_str<E>(self, _name: &str) -> Result<Name, E> {
        Ok(Name::Digits)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::MapDeserializer;

    use super::*;

    #[test]
    fn every_kind_of_value_is_kept() {
        let json = br#"{"n":null,"b":true,"i":-1,"u":1,"f":1.5,"s":"x\n","a":[1,[2]],"o":{"k":"v"}}"#;
        assert_eq!(parse_strict_json(json, 3).unwrap(), serde_json::from_slice::<Value>(json).unwrap());
    }

    /// Attack: an object with the name by which `serde_json` passes itself JSON that is already written.
    #[test]
    fn names_of_the_parser_are_names_like_others() {
        for json in [RAW, &format!("[{RAW}]"), &format!(r#"{{"a":{RAW}}}"#)] {
            let value = parse_strict_json(json.as_bytes(), 3).unwrap();
            assert_eq!(value.to_string(), json);
        }
    }

    /// As `serde_json` hands out a number where a program's features have it keep numbers as they are written.
    #[test]
    fn number_that_is_kept_as_it_is_written_is_a_number_and_no_object() {
        let read = |digits: &'static str| {
            let offered = [("$serde_json::private::Number", digits)];
            Strict { depth: 0 }.deserialize(MapDeserializer::<_, serde_json::Error>::new(offered.into_iter()))
        };
        assert_eq!(read("1.5").unwrap(), serde_json::json!(1.5));
        assert!(read("-0").unwrap().as_f64().is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
        assert!(read("1e999").is_err());
        assert!(read("[1]").is_err());
        let named = br#"{"$serde_json::private::Number":"1.5"}"#;
        assert!(parse_strict_json(named, 1).unwrap().is_object());
        assert!(parse_strict_json(named, 0).is_err());
    }

    const RAW: &str = r#"{"$serde_json::private::RawValue":"true"}"#;

    #[test]
    fn ambiguous_text_is_refused() {
        for json in [
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","s\u0075b":"b"}"#,
            r#"{"o":{"x":1,"x":1}}"#,
            r#"{"a":1}{"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":1e999}"#,
            r#"{"a":NaN}"#,
            r#"{"a":[[[1]]]}"#,
            "",
        ] {
            assert!(parse_strict_json(json.as_bytes(), 3).is_err(), "{json}");
        }
    }

    #[test]
    fn error_does_not_repeat_the_text() {
        let error =
            parse_strict_json(br#"{"secret-member":"secret-value","secret-member":1}"#, 4).unwrap_err();
        assert!(!format!("{error:?}{error}").contains("secret"));
    }
}
