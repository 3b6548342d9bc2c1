//! The signed labels of an entry and what each of them means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Number;

use super::{Identity, IdentitySource};
use crate::row::{Growing, Push, Row};

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

/// Where each label stands that the protocol gives a meaning, since these are asked for again and again.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Known {
    identity: Option<u32>,
    identity_source: Option<u32>,
    issuer: Option<u32>,
    origin: Option<u32>,
    principal: Option<u32>,
    resource_attributes: Option<u32>,
    resource_id: Option<u32>,
    sanitizer: Option<u32>,
    tenant: Option<u32>,
    trace_id: Option<u32>,
}

impl Known {
    /// Looks through a row in which no name stands twice.
    fn of(row: &Row) -> Self {
        let mut known = Self::default();
        for (place, name) in (0..).zip(row.iter().step_by(2)) {
            if let Some(found) = known.called(name) {
                *found = Some(place);
            }
        }
        known
    }

    fn called(&mut self, name: &str) -> Option<&mut Option<u32>> {
        match name {
            IDENTITY => Some(&mut self.identity),
            IDENTITY_SOURCE => Some(&mut self.identity_source),
            ISSUER => Some(&mut self.issuer),
            ORIGIN => Some(&mut self.origin),
            PRINCIPAL => Some(&mut self.principal),
            RESOURCE_ATTRIBUTES => Some(&mut self.resource_attributes),
            RESOURCE_ID => Some(&mut self.resource_id),
            SANITIZER => Some(&mut self.sanitizer),
            TENANT => Some(&mut self.tenant),
            TRACE_ID => Some(&mut self.trace_id),
            _ => None,
        }
    }
}

/// The member `labels`, with the identity read once.
#[derive(Clone, PartialEq)]
pub struct Labels {
    /// Each name, in order of name, and behind it its value; no value where it is no text.
    row: Row,
    /// Which names have another value than a text: only the legacy reading tolerates them.
    others: Vec<(usize, Scalar)>,
    known: Known,
    identity: Option<Identity>,
}

impl Labels {
    /// The labels of an entry of our own, whose identity is known without reading its label.
    pub(crate) fn new(values: &BTreeMap<&str, Cow<'_, str>>, identity: Identity) -> Self {
        let mut growing = Growing::with_room(ORDINARY_BYTES, 2 * ORDINARY_LABELS);
        for (name, text) in values {
            growing.push(name);
            growing.push(text);
        }
        let row = growing.finish();
        Self { known: Known::of(&row), row, others: Vec::new(), identity: Some(identity) }
    }

    /// The labels of a row that is in order of name.
    fn of(row: Row, others: Vec<(usize, Scalar)>) -> Self {
        let known = Known::of(&row);
        let mut labels = Self { row, others, known, identity: None };
        labels.identity = labels.at(known.identity).and_then(Identity::from_label);
        labels
    }

    /// The text of the label called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut known = self.known;
        match known.called(name) {
            Some(place) => self.at(*place),
            None => self.text((0..self.len()).find(|place| self.row.is_at(2 * place, name))?),
        }
    }

    fn at(&self, place: Option<u32>) -> Option<&str> {
        self.text(usize::try_from(place?).ok()?)
    }

    /// The value of the label at `place`, if it is a text.
    fn text(&self, place: usize) -> Option<&str> {
        let other = self.others.iter().any(|(at, _)| *at == place);
        if other { None } else { self.row.get(2 * place + 1) }
    }

    /// Every label that is a text, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values().filter_map(|(name, value)| match value {
            LabelValue::Text(text) => Some((name, text)),
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
        self.at(self.known.identity_source)
    }

    /// The source, when it is one of the closed set.
    pub(crate) fn source(&self) -> Option<IdentitySource> {
        self.identity_source().and_then(IdentitySource::from_wire)
    }

    /// `kest.issuer`: who vouched for the user name.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.at(self.known.issuer)
    }

    /// `kest.tenant`: the tenant that the issuer speaks for.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.at(self.known.tenant)
    }

    /// `kest.origin`.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.at(self.known.origin)
    }

    /// `kest.sanitizer`: present when trust was set or a taint removed.
    #[must_use]
    pub fn sanitizer(&self) -> Option<&str> {
        self.at(self.known.sanitizer)
    }

    /// `principal`: the workload that signed.
    pub(crate) fn principal(&self) -> Option<&str> {
        self.at(self.known.principal)
    }

    /// `kest.identity`, as it is written.
    pub(crate) fn identity_label(&self) -> Option<&str> {
        self.at(self.known.identity)
    }

    /// `kest.resource_id`.
    pub(crate) fn resource_id(&self) -> Option<&str> {
        self.at(self.known.resource_id)
    }

    /// `kest.resource_attr`.
    pub(crate) fn resource_attributes(&self) -> Option<&str> {
        self.at(self.known.resource_attributes)
    }

    /// `trace_id`.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.at(self.known.trace_id)
    }

    /// How many there are, whatever their values.
    pub(crate) fn len(&self) -> usize {
        self.row.len() / 2
    }

    /// Whether every value is a text.
    pub(crate) fn are_texts(&self) -> bool {
        self.others.is_empty()
    }

    /// Whether plain serialization is canonical: then the order of bytes is the order of RFC 8785.
    pub(crate) fn are_plain(&self) -> bool {
        self.are_texts() && self.values().all(|(name, _)| name.is_ascii())
    }

    /// Lets go of values that are not texts: there is no way to ask for them.
    pub(crate) fn shed(&mut self) {
        if !self.others.is_empty() {
            self.row = self.iter().flat_map(|(name, text)| [name, text]).collect();
            self.others = Vec::new();
            self.known = Known::of(&self.row);
        }
    }

    fn values(&self) -> impl Iterator<Item = (&str, LabelValue<'_>)> {
        values(&self.row, &self.others)
    }
}

/// Each name with its value.
fn values<'it>(
    row: &'it Row,
    others: &'it [(usize, Scalar)],
) -> impl Iterator<Item = (&'it str, LabelValue<'it>)> {
    let mut others = others.iter().peekable();
    let mut texts = row.iter();
    let pairs = std::iter::from_fn(move || Some((texts.next()?, texts.next()?)));
    pairs.enumerate().map(move |(place, (name, text))| match others.next_if(|(at, _)| *at == place) {
        Some((_, scalar)) => (name, LabelValue::Other(scalar)),
        None => (name, LabelValue::Text(text)),
    })
}

impl fmt::Debug for Labels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.values()).finish()
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

/// A label's value: a text, or what only the legacy reading tolerates.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum LabelValue<'labels> {
    Text(&'labels str),
    Other(&'labels Scalar),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Scalar {
    Flag(bool),
    Number(Number),
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut growing = Growing::with_room(ORDINARY_BYTES, 2 * ORDINARY_LABELS);
        let mut others = Vec::new();
        let mut place = 0;
        while map.next_key_seed(Push(&mut growing))?.is_some() {
            if let Some(scalar) = map.next_value_seed(Value(&mut growing))? {
                others.push((place, scalar));
            }
            place += 1;
        }
        let row = growing.finish();
        let sorted = row.iter().step_by(2).is_sorted_by(|one, next| one < next);
        Ok(if sorted { Labels::of(row, others) } else { in_order(&row, &others) })
    }
}

/// What the labels of an ordinary entry take.
const ORDINARY_BYTES: usize = 512;
const ORDINARY_LABELS: usize = 10;

/// The same in order of name; of two with one name, which has no canonical form, the later.
fn in_order(row: &Row, others: &[(usize, Scalar)]) -> Labels {
    let by_name: BTreeMap<&str, LabelValue<'_>> = values(row, others).collect();
    let mut growing = Growing::default();
    let mut others = Vec::new();
    for (place, (name, value)) in by_name.into_iter().enumerate() {
        growing.push(name);
        match value {
            LabelValue::Text(text) => growing.push(text),
            LabelValue::Other(scalar) => {
                growing.push("");
                others.push((place, scalar.clone()));
            }
        }
    }
    Labels::of(growing.finish(), others)
}

/// Reads one value to the end of a row; another value than a text leaves an empty one there and is given back.
struct Value<'row>(&'row mut Growing);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Option<Scalar>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Scalar>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Value<'_> {
    fn other(self, scalar: Scalar) -> Option<Scalar> {
        self.0.push("");
        Some(scalar)
    }
}

impl Visitor<'_> for Value<'_> {
    type Value = Option<Scalar>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a label: text, number or boolean")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Scalar>, E> {
        self.0.push(text);
        Ok(None)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Option<Scalar>, E> {
        Ok(self.other(Scalar::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<Scalar>, E> {
        Ok(self.other(Scalar::Number(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<Scalar>, E> {
        Ok(self.other(Scalar::Number(number.into())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<Scalar>, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("label is not finite"))?;
        Ok(self.other(Scalar::Number(number)))
    }
}
