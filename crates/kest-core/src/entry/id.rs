//! The names in an entry, each parsed once: entry ids, operations, policies.

use std::fmt;
use std::sync::Arc;

use uuid::{Builder, Uuid, Version};

use crate::clock::Clock;
use crate::random::{Random, RandomError};

/// Identifies one entry: a UUID of version 7 (RFC 9562 section 5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(Uuid);

impl EntryId {
    /// A new id from the clock's milliseconds and 74 random bits.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when no random bytes can be had.
    pub fn generate(clock: &dyn Clock, random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = [0_u8; 10];
        random.fill(&mut bytes)?;
        Ok(Self(Builder::from_unix_timestamp_millis(clock.unix_millis(), &bytes).into_uuid()))
    }

    /// Reads the hyphenated lower-case form; any other spelling or version is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        let canonical = id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
        (canonical && id.get_version() == Some(Version::SortRand)).then_some(Self(id))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}

/// A name has no bytes, or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name is empty or over 256 bytes")]
pub struct IdentifierError;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Reads a name of 1 to 256 bytes.
            ///
            /// # Errors
            ///
            /// [`IdentifierError`] for any other length.
            pub fn new(name: impl Into<Arc<str>>) -> Result<Self, IdentifierError> {
                let name = name.into();
                if name.is_empty() || name.len() > 256 { Err(IdentifierError) } else { Ok(Self(name)) }
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// What an operation is called: the route's name or one given, never the raw path of a request.
    OperationName
}

name! {
    /// What a policy is called by the engine that evaluates it.
    PolicyName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_version_seven_is_an_entry_id() {
        assert!(EntryId::parse("019aaaac-2806-7f92-a935-9802bcde2c13").is_some());
        assert!(EntryId::parse("019AAAAC-2806-7f92-a935-9802bcde2c13").is_none());
        assert!(EntryId::parse("019aaaac28067f92a9359802bcde2c13").is_none());
        assert!(EntryId::parse("6d5a4348-5c50-463a-bbef-39291436d5d2").is_none());
    }

    #[test]
    fn names_have_one_to_256_bytes() {
        assert!(OperationName::new("").is_err());
        assert!(OperationName::new("x".repeat(256)).is_ok());
        assert!(PolicyName::new("x".repeat(257)).is_err());
    }
}
