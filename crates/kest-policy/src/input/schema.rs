//! The one table of the input document: what its members are called, which form they have, what they mean.
//!
//! The types of [`document`](super::document) are declared with it, and the checks of the engines, the declarations of the
//! built-in Cedar schema and the explanations of `kest policy input` are made from it.

use serde_json::{Map, Value};

/// One member of an object of the input document.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Member {
    /// What it is called there.
    pub name: &'static str,
    /// Which form its value has.
    pub form: Form,
    /// What it means, line by line.
    pub(crate) meaning: &'static [&'static str],
    /// One value of it, as JSON; nothing where it is best left out.
    pub(crate) example: Option<&'static str>,
}

/// Which form the value of a member has.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Form {
    /// An object with these members.
    Record(&'static Record),
    /// An object that the service fills.
    Attributes,
    /// An object that a service or an issuer fills, or nothing; of this type in the built-in Cedar schema.
    Free(&'static str),
    /// `true` or `false`.
    Boolean,
    /// A whole number from 0.
    Integer(Presence),
    /// A string.
    Text(Presence),
    /// A list of strings.
    Strings,
    /// A list with one string or null for each entry of the lineage.
    StringsOrNulls,
}

/// What stands where there is nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presence {
    /// There always is.
    Always,
    /// `null`.
    OrNull,
    /// The member is left out.
    OrAbsent,
}

/// An object of the document.
#[derive(Debug)]
#[non_exhaustive]
pub struct Record {
    /// What its type is called in the built-in Cedar schema.
    pub name: &'static str,
    /// Its members, sorted by name.
    pub members: &'static [Member],
    /// What it is, line by line.
    pub meaning: &'static [&'static str],
}

impl Member {
    /// What it means: one line without a full stop, as a command line explains it.
    #[must_use]
    pub fn meaning(&self) -> String {
        let text = self.meaning.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").replace('`', "");
        let text = text.strip_suffix('.').unwrap_or(&text);
        let mut characters = text.chars();
        characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
    }
}

impl Form {
    /// The members of an object of this form; none for anything else.
    #[must_use]
    pub fn members(&self) -> &'static [Member] {
        match self {
            Self::Record(record) => record.members,
            Self::Attributes
            | Self::Free(_)
            | Self::Boolean
            | Self::Integer(_)
            | Self::Text(_)
            | Self::Strings
            | Self::StringsOrNulls => &[],
        }
    }

    /// The form in words, such as `string or null`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Record(_) | Self::Attributes => "object",
            Self::Free(_) => "object, or absent",
            Self::Boolean => "boolean",
            Self::Integer(Presence::Always) => "integer",
            Self::Integer(Presence::OrNull) => "integer or null",
            Self::Integer(Presence::OrAbsent) => "integer, or absent",
            Self::Text(Presence::Always) => "string",
            Self::Text(Presence::OrNull) => "string or null",
            Self::Text(Presence::OrAbsent) => "string, or absent",
            Self::Strings => "strings",
            Self::StringsOrNulls => "strings or nulls",
        }
    }
}

/// An object with the example of each of `members`.
pub(super) fn example(members: &[Member]) -> Result<Value, serde_json::Error> {
    let mut object = Map::new();
    for member in members {
        match (member.form, member.example) {
            (Form::Record(record), _) => {
                object.insert(member.name.to_owned(), example(record.members)?);
            }
            (_, Some(text)) => {
                object.insert(member.name.to_owned(), serde_json::from_str(text)?);
            }
            (_, None) => {}
        }
    }
    Ok(Value::Object(object))
}

/// An object with all of `members`, also those that may be absent; attributes are the resource's own affair.
#[cfg(feature = "cedar")]
pub(crate) fn everything(members: &[Member]) -> Value {
    let value = |form: Form| match form {
        Form::Record(record) => everything(record.members),
        Form::Attributes | Form::Free(_) => Value::Object(Map::new()),
        Form::Boolean => Value::Bool(true),
        Form::Integer(_) => Value::from(0),
        Form::Text(_) => Value::from(""),
        Form::Strings | Form::StringsOrNulls => Value::from(vec![""]),
    };
    members.iter().map(|member| (member.name.to_owned(), value(member.form))).collect()
}

/// Whether a document can have something at `path`: below strings, numbers and lists nothing is named.
#[cfg(feature = "rego")]
pub(crate) fn has(members: &[Member], path: &[Box<str>]) -> bool {
    let Some((name, below)) = path.split_first() else { return true };
    members.iter().find(|member| member.name == &**name).is_some_and(|member| match member.form {
        Form::Record(record) => has(record.members, below),
        Form::Attributes | Form::Free(_) => true,
        Form::Boolean | Form::Integer(_) | Form::Text(_) | Form::Strings | Form::StringsOrNulls => {
            below.is_empty()
        }
    })
}

/// Declares the type of an object of the document, and its part of the table.
macro_rules! record {
    (
        $(#[doc = $about:literal])+
        $(#[derive($($derived:ident),+)])?
        $visible:vis struct $name:ident {
            $(
                $(#[doc = $meaning:literal])+
                $(#[serde($($serde:tt)+)])?
                $seen:vis $member:ident: $type:ty = $form:expr, $example:expr;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Serialize, Deserialize)]
        $(#[derive($($derived),+)])?
        #[serde(deny_unknown_fields)]
        #[non_exhaustive]
        $visible struct $name {
            $(
                $(#[doc = $meaning])+
                $(#[serde($($serde)+)])?
                $seen $member: $type,
            )+
        }

        impl $name {
            /// Its part of the table.
            pub(crate) const SCHEMA: &'static Record = &Record {
                name: stringify!($name),
                members: &[$(Member {
                    name: stringify!($member),
                    form: $form,
                    meaning: &[$($meaning),+],
                    example: $example,
                }),+],
                meaning: &[$($about),+],
            };
        }
    };
}
pub(super) use record;
