//! A passport as it was carried: a bounded list of texts and the tips that were announced with it.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::dialect::Dialect;
use crate::entry::{self, EntryHash};
use crate::limits::Limits;
use crate::signature::{KeyId, WorkloadId};

/// Well formed, nothing more: it shows key ids and nothing that a policy could use.
#[derive(Clone)]
pub struct UnverifiedPassport {
    entries: Vec<Arc<str>>,
    tips: Option<Tips>,
}

impl UnverifiedPassport {
    /// Reads the JSON array of compact entries and keeps the announced tips for verification.
    ///
    /// # Errors
    ///
    /// [`PassportFormError`] when the text is no array of strings or is over a limit.
    pub fn from_json(json: &[u8], tips: Tips, limits: &Limits) -> Result<Self, PassportFormError> {
        Self::dangerous_from_json(json, Some(tips), limits)
    }

    /// As [`from_json`](Self::from_json), also where no tips were announced.
    ///
    /// With `None` it is given up to notice that entries were cut off at the end, taints and low trust with them. For
    /// looking at what lies there, not for continuing it.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn dangerous_from_json(
        json: &[u8],
        tips: Option<Tips>,
        limits: &Limits,
    ) -> Result<Self, PassportFormError> {
        if json.len() > limits.passport_bytes {
            return Err(PassportFormError::TooLong(json.len()));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let entries = deserializer.deserialize_seq(Entries { limits }).map_err(classify)?;
        deserializer.end().map_err(classify)?;
        Ok(Self { entries, tips })
    }

    /// Takes compact entries that are separate already, as from an audit log.
    ///
    /// # Errors
    ///
    /// [`PassportFormError`] when there are too many or one is too long.
    pub fn from_entries<Text: Into<Arc<str>>>(
        entries: impl IntoIterator<Item = Text>,
        tips: Tips,
        limits: &Limits,
    ) -> Result<Self, PassportFormError> {
        Self::dangerous_from_entries(entries, Some(tips), limits)
    }

    /// As [`from_entries`](Self::from_entries), also where no tips were announced.
    ///
    /// With `None` it is given up to notice that entries were cut off at the end, as with
    /// [`dangerous_from_json`](Self::dangerous_from_json).
    ///
    /// # Errors
    ///
    /// As [`from_entries`](Self::from_entries).
    pub fn dangerous_from_entries<Text: Into<Arc<str>>>(
        entries: impl IntoIterator<Item = Text>,
        tips: Option<Tips>,
        limits: &Limits,
    ) -> Result<Self, PassportFormError> {
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry.into();
            if kept.len() >= limits.entries {
                return Err(PassportFormError::TooManyEntries);
            }
            if entry.len() > limits.entry_bytes {
                return Err(PassportFormError::EntryTooLong);
            }
            kept.push(entry);
        }
        Ok(Self { entries: kept, tips })
    }

    /// How many entries it claims.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it claims no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The tips that were announced with it, which verification compares; `None` where none were.
    #[must_use]
    pub fn announced_tips(&self) -> Option<&Tips> {
        self.tips.as_ref()
    }

    /// The hashes of its entries, in order: what a reader of several candidates compares with the announced tips.
    pub fn entry_hashes(&self) -> impl Iterator<Item = EntryHash> {
        self.entries.iter().map(|entry| EntryHash::of(entry))
    }

    /// The workloads and key ids that the entries claim, for fetching keys; unreadable entries claim none.
    pub fn key_ids(
        &self,
        dialect: Dialect,
        limits: &Limits,
    ) -> impl Iterator<Item = (WorkloadId, Option<KeyId>)> {
        self.entries.iter().enumerate().filter_map(move |(index, compact)| {
            let parsed = entry::parse(compact, index == 0, dialect, limits).ok()?;
            Some((parsed.workload, parsed.key_id))
        })
    }

    /// The key ids that the entries claim, for who looks for keys before every verification: only headers are read.
    /// Entries that name no key, or cannot be read, claim none.
    pub fn claimed_key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.entries.iter().filter_map(|compact| entry::claimed_key_id(compact))
    }

    /// The compact entries as they were carried, for showing them to a person.
    ///
    /// The reader gives up all proof: anybody can have written these texts, and nothing in them was checked.
    pub fn dangerous_entries(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(AsRef::as_ref)
    }

    pub(crate) fn into_parts(self) -> (Vec<Arc<str>>, Option<Tips>) {
        (self.entries, self.tips)
    }
}

impl fmt::Debug for UnverifiedPassport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a stranger sent must not reach a log.
        formatter
            .debug_struct("UnverifiedPassport")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// The tips that a carrier announced: what the verified passport must end in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tips(Vec<EntryHash>);

impl Tips {
    /// Reads `kest.chain_tip`: hashes joined by commas, or `0` for an empty passport.
    ///
    /// # Errors
    ///
    /// [`TipsError`] when a hash is malformed, stands twice, or there are more than `limits.parents`.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, TipsError> {
        if text == "0" {
            return Ok(Self(Vec::new()));
        }
        let mut tips = Vec::new();
        for part in text.split(',') {
            let tip: EntryHash = part.parse().map_err(|_cause| TipsError)?;
            if tips.contains(&tip) || tips.len() >= limits.parents {
                return Err(TipsError);
            }
            tips.push(tip);
        }
        tips.sort_unstable();
        Ok(Self(tips))
    }

    pub(crate) fn new(mut tips: Vec<EntryHash>) -> Self {
        tips.sort_unstable();
        Self(tips)
    }

    /// The hashes in order.
    #[must_use]
    pub fn as_slice(&self) -> &[EntryHash] {
        &self.0
    }
}

impl fmt::Display for Tips {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("0");
        }
        for (index, tip) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            write!(formatter, "{tip}")?;
        }
        Ok(())
    }
}

/// An announcement of tips is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chain tip is not a list of hashes")]
pub struct TipsError;

/// A text is no passport.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassportFormError {
    /// Longer than `Limits::passport_bytes`.
    #[error("passport is {0} bytes, over the limit")]
    TooLong(usize),
    /// More entries than `Limits::entries`.
    #[error("passport has too many entries")]
    TooManyEntries,
    /// An entry is longer than `Limits::entry_bytes`.
    #[error("passport has an entry over the limit")]
    EntryTooLong,
    /// Not a JSON array of strings.
    #[error("passport is no json array of strings")]
    NotAnArray(#[source] serde_json::Error),
}

impl PassportFormError {
    /// Whether a limit was exceeded rather than the form missed.
    #[must_use]
    pub fn is_over_limit(&self) -> bool {
        !matches!(self, Self::NotAnArray(_))
    }
}

const TOO_MANY: &str = "too many entries";
const ENTRY_TOO_LONG: &str = "entry too long";

fn classify(error: serde_json::Error) -> PassportFormError {
    let message = error.to_string();
    if message.starts_with(TOO_MANY) {
        PassportFormError::TooManyEntries
    } else if message.starts_with(ENTRY_TOO_LONG) {
        PassportFormError::EntryTooLong
    } else {
        PassportFormError::NotAnArray(error)
    }
}

/// Stops at the first entry over a limit, so that memory follows what is allowed and not what was sent.
struct Entries<'limits> {
    limits: &'limits Limits,
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Vec<Arc<str>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of compact entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(item) = items.next_element::<entry::Text<'de>>()? {
            if entries.len() >= self.limits.entries {
                return Err(serde::de::Error::custom(TOO_MANY));
            }
            if item.len() > self.limits.entry_bytes {
                return Err(serde::de::Error::custom(ENTRY_TOO_LONG));
            }
            entries.push(Arc::from(&*item));
        }
        Ok(entries)
    }
}
