//! The parameters of a signature: names and values in order, and their one spelling.

use std::borrow::Cow;

use sfv::{BareItem, ItemSerializer};

/// What stands behind the parts of a signature. Texts and numbers are what any profile of ours has; values of other types are
/// kept, since the base repeats them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters(Vec<(Cow<'static, str>, Value)>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Other(BareItem),
}

impl Parameters {
    pub(crate) fn none() -> Self {
        Self(Vec::with_capacity(USUAL.len()))
    }

    pub(crate) fn of_wire(wire: sfv::Parameters) -> Self {
        let named = wire.into_iter().map(|(name, value)| {
            let value = match (value.as_string(), value.as_integer()) {
                (Some(text), _) => Value::Text(text.as_str().to_owned()),
                (None, Some(number)) => Value::Integer(number.into()),
                (None, None) => Value::Other(value),
            };
            (named(name.as_str()), value)
        });
        Self(named.collect())
    }

    /// Adds a parameter of a new name, and its spelling to `spelled`.
    pub(crate) fn push(&mut self, name: &str, value: Value, spelled: &mut String) {
        spell(name, &value, spelled);
        self.0.push((named(name), value));
    }

    /// Adds one that is spelled already.
    pub(crate) fn push_spelled(&mut self, name: &str, value: Value) {
        self.0.push((named(name), value));
    }

    pub(crate) fn replace(&mut self, name: &str, value: Value) {
        if let Some((_, before)) = self.0.iter_mut().find(|(other, _)| other == name) {
            *before = value;
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// Appends the spelling of all of them.
    pub(crate) fn spell(&self, spelled: &mut String) {
        for (name, value) in &self.0 {
            spell(name, value, spelled);
        }
    }
}

/// RFC 9651 section 4.1.1.2.
fn spell(name: &str, value: &Value, spelled: &mut String) {
    spelled.push(';');
    spelled.push_str(name);
    match value {
        Value::Text(text) => {
            spelled.push('=');
            spell_text(text, spelled);
        }
        Value::Integer(number) => {
            spelled.push('=');
            spelled.push_str(&number.to_string());
        }
        Value::Other(BareItem::Boolean(true)) => {}
        Value::Other(other) => {
            spelled.push('=');
            let _written = ItemSerializer::with_buffer(spelled).bare_item(other);
        }
    }
}

/// RFC 9651 section 4.1.6, of printable ASCII.
fn spell_text(text: &str, spelled: &mut String) {
    spelled.push('"');
    if text.bytes().any(|byte| matches!(byte, b'"' | b'\\')) {
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                spelled.push('\\');
            }
            spelled.push(character);
        }
    } else {
        spelled.push_str(text);
    }
    spelled.push('"');
}

/// No text of its own for a name that every signature has.
fn named(name: &str) -> Cow<'static, str> {
    let usual = USUAL.into_iter().find(|usual| *usual == name);
    usual.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed)
}

/// RFC 9421 section 2.3.
const USUAL: [&str; 6] = ["created", "expires", "nonce", "alg", "keyid", "tag"];
