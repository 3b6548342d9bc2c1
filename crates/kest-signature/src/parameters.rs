//! The parameters of a signature: names and values in order, and their one spelling.

use std::borrow::Cow;

use sfv::{BareItem, ItemSerializer};

/// What stands behind the parts of a signature. Texts and numbers are what any profile of ours has; values of other types are
/// kept, since the base repeats them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters(Vec<(Cow<'static, str>, Value)>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(Cow<'static, str>),
    Integer(i64),
    Other(BareItem),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(usual(text))
    }
}

impl Parameters {
    pub(crate) fn none() -> Self {
        Self(Vec::with_capacity(USUAL_PARAMETERS))
    }

    pub(crate) fn of_wire(wire: sfv::Parameters) -> Self {
        let named = wire.into_iter().map(|(name, value)| {
            let value = match (value.as_string(), value.as_integer()) {
                (Some(text), _) => Value::text(text.as_str()),
                (None, Some(number)) => Value::Integer(number.into()),
                (None, None) => Value::Other(value),
            };
            (usual(name.as_str()), value)
        });
        Self(named.collect())
    }

    /// Adds a parameter of a new name, and its spelling to `spelled`.
    pub(crate) fn push(&mut self, name: &str, value: Value, spelled: &mut String) {
        spell(name, &value, spelled);
        self.0.push((usual(name), value));
    }

    /// Adds one that is spelled already.
    pub(crate) fn push_spelled(&mut self, name: &str, value: Value) {
        self.0.push((usual(name), value));
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

/// No memory of its own for a name or value that most signatures have.
fn usual(text: &str) -> Cow<'static, str> {
    let usual = USUAL.into_iter().find(|usual| *usual == text);
    usual.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed)
}

/// Names of RFC 9421 section 2.3, and values of our own profiles.
const USUAL: [&str; 8] = ["created", "expires", "nonce", "alg", "keyid", "tag", "ed25519", "kest-hop"];

const USUAL_PARAMETERS: usize = 6;
