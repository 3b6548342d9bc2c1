//! Identifies an entry.

use std::fmt;

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
}
