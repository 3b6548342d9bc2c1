//! One token to judge, and what can be said about it without judging it.

use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) token: String,
    /// The names of the changes that made it what it is.
    pub(crate) changes: Vec<&'static str>,
}

impl Case {
    pub(crate) fn was_changed_by(&self, name: &str) -> bool {
        self.changes.contains(&name)
    }

    /// The header and its members, read as leniently as can be.
    pub(crate) fn header(&self) -> Value {
        self.object(0)
    }

    pub(crate) fn claims(&self) -> Value {
        self.object(1)
    }

    /// The text of header (0) or claims (1), and nothing where it is missing.
    pub(crate) fn text(&self, part: usize) -> String {
        let part = self.token.split('.').nth(part).unwrap_or_default();
        let part: String = part.chars().filter(|each| !each.is_ascii_whitespace()).collect();
        String::from_utf8(LENIENT.decode(part).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether some character is neither a dot nor of the alphabet of base64url.
    pub(crate) fn leaves_the_alphabet(&self) -> bool {
        !self.token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    }

    /// Whether some part has bits behind its last byte that are not zero.
    pub(crate) fn has_trailing_bits(&self) -> bool {
        let trails = |part: &str| URL_SAFE_NO_PAD.decode(part).is_err() && LENIENT.decode(part).is_ok();
        !self.leaves_the_alphabet() && self.token.split('.').any(trails)
    }

    /// Whether some object of header or claims has a member twice, however its name is written.
    pub(crate) fn has_doubled_members(&self) -> bool {
        [0, 1].iter().any(|part| serde_json::from_str(&self.text(*part)).is_ok_and(|Doubled(found)| found))
    }

    fn object(&self, part: usize) -> Value {
        let text = self.text(part);
        serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether some object in a JSON text has a member twice.
struct Doubled(bool);

impl<'de> Deserialize<'de> for Doubled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DoubledVisitor).map(Self)
    }
}

struct DoubledVisitor;

impl<'de> Visitor<'de> for DoubledVisitor {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _value: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _value: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(Doubled(inside)) = elements.next_element()? {
            found |= inside;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut found = false;
        let mut names = HashSet::new();
        while let Some((name, Doubled(inside))) = members.next_entry::<String, _>()? {
            found |= inside | !names.insert(name);
        }
        Ok(found)
    }
}
