//! The text that is signed: RFC 9421 sections 2 and 2.5.

use std::collections::HashSet;
use std::fmt;

use http::{HeaderMap, HeaderName};
use sfv::{InnerList, KeyRef, ListEntry, StringRef};

use crate::hop::KEST_TIP;
use crate::parameters::{Parameters, Value};
use crate::{Authority, Fault, RequestHead};

/// A part of a request that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
            // All proofs have it, and it needs no memory of its own.
            _ if name == KEST_TIP.as_str() => Self::Field(KEST_TIP),
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
    parameters: Parameters,
    /// Both in their one spelling (RFC 9651 section 4.1.1.1), which base and header repeat.
    spelled: String,
}

impl SignatureInput {
    /// `components`, in this order, without parameters.
    ///
    /// # Errors
    ///
    /// [`Fault::Malformed`] for a component twice.
    pub fn of(components: Vec<Component>) -> Result<Self, Fault> {
        Self::with(components, Parameters::none())
    }

    pub(crate) fn with(components: Vec<Component>, parameters: Parameters) -> Result<Self, Fault> {
        check_unique(&components)?;
        let mut spelled = String::with_capacity(USUAL_BYTES);
        spelled.push('(');
        for (place, component) in components.iter().enumerate() {
            // Nothing in the name of a component has to be escaped.
            spelled.push_str(if place == 0 { "\"" } else { " \"" });
            spelled.push_str(component.name());
            spelled.push('"');
        }
        spelled.push(')');
        parameters.spell(&mut spelled);
        Ok(Self { components, parameters, spelled })
    }

    /// As [`with`](Self::with), of what `spelled` spells canonically.
    pub(crate) fn of_canonical(
        components: Vec<Component>,
        parameters: Parameters,
        spelled: &str,
    ) -> Result<Self, Fault> {
        check_unique(&components)?;
        Ok(Self { components, parameters, spelled: spelled.to_owned() })
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
        Self::with(components, Parameters::of_wire(wire.params))
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
    pub fn with_text(self, name: &str, value: &str) -> Result<Self, Fault> {
        let value = StringRef::from_str(value).map_err(|_cause| Fault::Malformed)?;
        self.with_parameter(key(name)?, Value::text(value.as_str()))
    }

    /// Adds a parameter whose value is a moment: `created`, `expires`.
    ///
    /// # Errors
    ///
    /// [`Fault::Malformed`] for a name or a number that a structured field cannot have.
    pub fn with_seconds(self, name: &str, value: u64) -> Result<Self, Fault> {
        let value = sfv::Integer::try_from(value).map_err(|_cause| Fault::Malformed)?;
        self.with_parameter(key(name)?, Value::Integer(value.into()))
    }

    /// RFC 9651 section 3.1.2: one that is there already is replaced in its place.
    fn with_parameter(mut self, name: &KeyRef, value: Value) -> Result<Self, Fault> {
        let name = name.as_str();
        if self.parameters.get(name).is_some() {
            self.parameters.replace(name, value);
            return Self::with(self.components, self.parameters);
        }
        self.parameters.push(name, value, &mut self.spelled);
        Ok(self)
    }

    /// A parameter whose value is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.parameters.get(name)? {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Other(_) => None,
        }
    }

    /// A parameter that is a number and not negative.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<u64> {
        match self.parameters.get(name)? {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(_) | Value::Other(_) => None,
        }
    }

    /// The names of all parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.names()
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
        let mut base = String::with_capacity(2 * USUAL_BYTES);
        for component in &self.components {
            base.push('"');
            base.push_str(component.name());
            base.push_str("\": ");
            match component {
                Component::Method => base.push_str(head.method()),
                Component::Authority => base.push_str(authority.as_str()),
                Component::Path => base.push_str(head.path()),
                Component::Query => head.write_query(&mut base),
                Component::Field(name) => write_field(headers, name, &mut base)?,
            }
            base.push('\n');
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(&self.spelled);
        Ok(base)
    }

    /// Writes the member of the dictionary `Signature-Input` that is called `label`.
    pub(crate) fn to_member(&self, label: &KeyRef) -> String {
        [label.as_str(), "=", &self.spelled].concat()
    }
}

impl fmt::Display for SignatureInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.spelled)
    }
}

/// The text of a parameter of a member that is not judged yet.
pub(crate) fn text<'it>(wire: &'it InnerList, name: &str) -> Option<&'it str> {
    wire.params.get(name)?.as_string().map(StringRef::as_str)
}

fn key(name: &str) -> Result<&KeyRef, Fault> {
    KeyRef::from_str(name).map_err(|_cause| Fault::Malformed)
}

/// Section 2: a component stands once.
fn check_unique(components: &[Component]) -> Result<(), Fault> {
    let unique = if components.len() <= FEW {
        let mut before = components.iter().enumerate();
        !before.any(|(index, it)| components.iter().take(index).any(|earlier| earlier == it))
    } else {
        let mut before = HashSet::with_capacity(components.len());
        components.iter().all(|it| before.insert(it))
    };
    if unique { Ok(()) } else { Err(Fault::Malformed) }
}

/// Section 2.1: the lines of one header, without blanks around them, joined by a comma and a blank.
fn write_field(headers: &HeaderMap, name: &HeaderName, text: &mut String) -> Result<(), Fault> {
    let mut lines = headers.get_all(name).iter();
    let mut line = lines.next().ok_or(Fault::HeaderMissing)?;
    loop {
        let value = line.to_str().map_err(|_same_reason| Fault::Header)?;
        text.push_str(value.trim_matches([' ', '\t']));
        match lines.next() {
            Some(next) => line = next,
            None => return Ok(()),
        }
        text.push_str(", ");
    }
}

/// Parts that are compared each with each: quicker than a set, and no work to speak of. A stranger's header has room for 1600.
const FEW: usize = 32;

/// Room for what an ordinary signature spells, so that it is written in one piece.
const USUAL_BYTES: usize = 320;
