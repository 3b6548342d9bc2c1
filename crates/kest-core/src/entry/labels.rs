//! The signed labels of an entry and what each of them means.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Number;

use super::{Identity, IdentitySource};

pub(crate) const PRINCIPAL: &str = "principal";
pub(crate) const TRACE_ID: &str = "trace_id";
pub(crate) const IDENTITY: &str = "kest.identity";
pub(crate) const IDENTITY_SOURCE: &str = "kest.identity_source";
pub(crate) const ISSUER: &str = "kest.issuer";
pub(crate) const TENANT: &str = "kest.tenant";
pub(crate) const ORIGIN: &str = "kest.origin";
pub(crate) const SANITIZER: &str = "kest.sanitizer";
pub(crate) const RESOURCE_ID: &str = "kest.resource_id";
pub(crate) const RESOURCE_ATTRIBUTES: &str = "kest.resource_attr";

/// The member `labels`, with the identity read once.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    values: BTreeMap<Arc<str>, LabelValue>,
    identity: Option<Identity>,
}

impl Labels {
    pub(crate) fn new(values: BTreeMap<Arc<str>, LabelValue>) -> Self {
        let identity = match values.get(IDENTITY) {
            Some(LabelValue::Text(label)) => Identity::from_label(label),
            _ => None,
        };
        Self { values, identity }
    }

    /// The text of the label called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(LabelValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Every label that is a text, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().filter_map(|(name, value)| match value {
            LabelValue::Text(text) => Some((name.as_ref(), text.as_ref())),
            LabelValue::Other(_) => None,
        })
    }

    /// `kest.identity`, when it is there and readable.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// `kest.identity_source`.
    #[must_use]
    pub fn identity_source(&self) -> Option<&str> {
        self.get(IDENTITY_SOURCE)
    }

    /// The source, when it is one of the closed set.
    pub(crate) fn source(&self) -> Option<IdentitySource> {
        self.identity_source().and_then(IdentitySource::from_wire)
    }

    /// `kest.issuer`: who vouched for the user name.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.get(ISSUER)
    }

    /// `kest.tenant`: the tenant that the issuer speaks for.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.get(TENANT)
    }

    /// `kest.origin`.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.get(ORIGIN)
    }

    /// `kest.sanitizer`: present when trust was set or a taint removed.
    #[must_use]
    pub fn sanitizer(&self) -> Option<&str> {
        self.get(SANITIZER)
    }

    /// `trace_id`.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.get(TRACE_ID)
    }

    pub(crate) fn values(&self) -> &BTreeMap<Arc<str>, LabelValue> {
        &self.values
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.values)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::new)
    }
}

/// A label's value: a text, or what only the legacy reading tolerates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LabelValue {
    Text(Arc<str>),
    Other(Scalar),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Flag(bool),
    Number(Number),
}

impl Serialize for LabelValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Other(scalar) => scalar.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LabelValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelVisitor)
    }
}

struct LabelVisitor;

impl Visitor<'_> for LabelVisitor {
    type Value = LabelValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a label: text, number or boolean")
    }

    fn visit_str<E>(self, text: &str) -> Result<LabelValue, E> {
        Ok(LabelValue::Text(text.into()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<LabelValue, E> {
        Ok(LabelValue::Other(Scalar::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<LabelValue, E> {
        Ok(LabelValue::Other(Scalar::Number(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<LabelValue, E> {
        Ok(LabelValue::Other(Scalar::Number(number.into())))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<LabelValue, E> {
        Number::from_f64(number)
            .map(|number| LabelValue::Other(Scalar::Number(number)))
            .ok_or_else(|| E::custom("label is not finite"))
    }
}
