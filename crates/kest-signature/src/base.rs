//! The text that is signed: RFC 9421 sections 2 and 2.5.

use std::fmt;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, InnerList, Item, Key, KeyRef, ListEntry, StringRef};

use crate::{Authority, Fault, RequestHead};

/// A part of a request that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Component {
    /// `@method` (section 2.2.1).
    Method,
    /// `@authority` (section 2.2.3).
    Authority,
    /// `@path` (section 2.2.6).
    Path,
    /// `@query` (section 2.2.7).
    Query,
    /// A header: all of its lines, joined (section 2.1).
    Field(HeaderName),
}

impl Component {
    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Method => "@method",
            Self::Authority => "@authority",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::Field(name) => name.as_str(),
        }
    }

    /// Reads a name. Section 2.1: those of headers are in lower case.
    ///
    /// # Errors
    ///
    /// [`Fault::ComponentExtra`] for a derived component that is not kept, such as `@status`, and for what is no name.
    pub fn parse(name: &str) -> Result<Self, Fault> {
        Ok(match name {
            "@method" => Self::Method,
            "@authority" => Self::Authority,
            "@path" => Self::Path,
            "@query" => Self::Query,
            _ => {
                let field =
                    HeaderName::from_bytes(name.as_bytes()).map_err(|_cause| Fault::ComponentExtra)?;
                if field.as_str() != name {
                    return Err(Fault::ComponentExtra);
                }
                Self::Field(field)
            }
        })
    }
}

/// What is signed and how: one member of `Signature-Input`.
#[derive(Debug, Clone)]
pub struct SignatureInput {
    components: Vec<Component>,
    /// What the components and parameters are on the wire: the last line of the base is this, spelled canonically.
    wire: InnerList,
}

impl SignatureInput {
    /// `components`, in this order, without parameters.
    ///
    /// # Errors
    ///
    /// [`Fault::Malformed`] for a component twice.
    pub fn of(components: Vec<Component>) -> Result<Self, Fault> {
        let items = components.iter().map(|component| {
            let name = StringRef::from_str(component.name()).map_err(|_cause| Fault::Malformed)?;
            Ok(Item::new(BareItem::String(name.to_owned())))
        });
        let wire = InnerList::new(items.collect::<Result<Vec<_>, Fault>>()?);
        check_unique(&components)?;
        Ok(Self { components, wire })
    }

    /// Reads a member without its label: `("@method" "@path");created=1618884473`.
    ///
    /// # Errors
    ///
    /// [`Fault`] when it is malformed, or covers what is not kept.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let list: sfv::List = sfv::Parser::new(text).parse().map_err(|_cause| Fault::Malformed)?;
        match <[ListEntry; 1]>::try_from(list) {
            Ok([ListEntry::InnerList(wire)]) => Self::of_wire(wire),
            Ok(_) | Err(_) => Err(Fault::Malformed),
        }
    }

    pub(crate) fn of_wire(wire: InnerList) -> Result<Self, Fault> {
        let mut components = Vec::with_capacity(wire.items.len());
        for item in &wire.items {
            if !item.params.is_empty() {
                return Err(Fault::ComponentParameter);
            }
            let name = item.bare_item.as_string().ok_or(Fault::Malformed)?;
            components.push(Component::parse(name.as_str())?);
        }
        check_unique(&components)?;
        Ok(Self { components, wire })
    }

    /// What is covered.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Adds a parameter whose value is text: `keyid`, `nonce`, `alg`, `tag`.
    ///
    /// # Errors
    ///
    /// [`Fault::Malformed`] for a name or value that a structured field cannot have.
    pub fn with_text(mut self, name: &str, value: &str) -> Result<Self, Fault> {
        let value = StringRef::from_str(value).map_err(|_cause| Fault::Malformed)?;
        self.wire.params.insert(key(name)?, BareItem::String(value.to_owned()));
        Ok(self)
    }

    /// Adds a parameter whose value is a moment: `created`, `expires`.
    ///
    /// # Errors
    ///
    /// [`Fault::Malformed`] for a name or a number that a structured field cannot have.
    pub fn with_seconds(mut self, name: &str, value: u64) -> Result<Self, Fault> {
        let value = sfv::Integer::try_from(value).map_err(|_cause| Fault::Malformed)?;
        self.wire.params.insert(key(name)?, BareItem::Integer(value));
        Ok(self)
    }

    /// A parameter whose value is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        text(&self.wire, name)
    }

    /// A parameter that is a number and not negative.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<u64> {
        let value = self.wire.params.get(name)?.as_integer()?;
        u64::try_from(i64::from(value)).ok()
    }

    /// The names of all parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.wire.params.keys().map(|key| key.as_str())
    }

    /// The signature base: a line for each component, and the last one for this value itself.
    ///
    /// Section 2.5: no value may hold a line break, which would let one request be spelled as another. `HeaderMap` and
    /// `Uri` hold none.
    ///
    /// # Errors
    ///
    /// [`Fault::HeaderMissing`] and [`Fault::Header`] for covered headers that are not there or are not printable ASCII.
    pub fn base(
        &self,
        head: &RequestHead<'_>,
        headers: &HeaderMap,
        authority: &Authority,
    ) -> Result<String, Fault> {
        let mut base = String::new();
        for component in &self.components {
            let value = match component {
                Component::Method => head.method().to_owned(),
                Component::Authority => authority.as_str().to_owned(),
                Component::Path => head.path().to_owned(),
                Component::Query => head.query(),
                Component::Field(name) => field(headers, name)?,
            };
            for part in ["\"", component.name(), "\": ", &value, "\n"] {
                base.push_str(part);
            }
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(&self.to_string());
        Ok(base)
    }

    /// Writes the member of the dictionary `Signature-Input` that is called `label`.
    pub(crate) fn to_member(&self, label: &KeyRef) -> String {
        format!("{}={self}", label.as_str())
    }
}

impl fmt::Display for SignatureInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut list = sfv::ListSerializer::with_buffer(&mut text);
        let mut inner = list.inner_list();
        inner.items(&self.wire.items);
        let _written = inner.finish().parameters(&self.wire.params);
        let _written = list.finish();
        formatter.write_str(&text)
    }
}

/// The text of a parameter of a member that is not judged yet.
pub(crate) fn text<'it>(wire: &'it InnerList, name: &str) -> Option<&'it str> {
    wire.params.get(name)?.as_string().map(StringRef::as_str)
}

fn key(name: &str) -> Result<Key, Fault> {
    KeyRef::from_str(name).map(ToOwned::to_owned).map_err(|_cause| Fault::Malformed)
}

/// Section 2: a component stands once.
fn check_unique(components: &[Component]) -> Result<(), Fault> {
    let mut before = components.iter().enumerate();
    let twice = before.any(|(index, it)| components.iter().take(index).any(|earlier| earlier == it));
    if twice { Err(Fault::Malformed) } else { Ok(()) }
}

/// Section 2.1: the lines of one header, without blanks around them, joined by a comma and a blank.
fn field(headers: &HeaderMap, name: &HeaderName) -> Result<String, Fault> {
    let mut joined = String::new();
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Err(Fault::HeaderMissing);
    }
    while let Some(line) = lines.next() {
        let line = line.to_str().map_err(|_same_reason| Fault::Header)?;
        joined.push_str(line.trim_matches([' ', '\t']));
        if lines.peek().is_some() {
            joined.push_str(", ");
        }
    }
    Ok(joined)
}
