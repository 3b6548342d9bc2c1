//! How a service seals and opens: its keys, its own name, and whom it writes for.

use std::fmt;
use std::sync::Arc;

use super::{SealingKey, Usage};

/// Keys and names for [`PassportStores::sealed`](crate::PassportStores::sealed).
///
/// Two examples: services that all may read each other's claims, and one that names its readers.
///
/// ```
/// # use kest_baggage::{Audience, Sealing, SealingKey};
/// # use kest_core::{OsRandom, signature::KeyId};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = |id: &str| SealingKey::generate(KeyId::new(id)?, &OsRandom).map_err(Box::<dyn std::error::Error>::from);
/// let shop = Sealing::new(key("2026-01")?, Audience::new("shop")?);
/// let orders = Sealing::new(key("2026-02")?, Audience::new("orders")?)
///     .also_opens(key("2026-01")?)?
///     .write_for([Audience::new("stock")?, Audience::new("ledger")?])?
///     .single_use();
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Sealing {
    key: SealingKey,
    other_key: Option<SealingKey>,
    name: Audience,
    readers: Vec<Audience>,
    usage: Usage,
    plain: PlainValues,
}

/// What becomes of a value that is not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainValues {
    Refused,
    Accepted,
}

impl Sealing {
    /// Seals with `key` and reads as `audience`, which is also whom it writes for unless [`write_for`](Self::write_for)
    /// says otherwise.
    ///
    /// Services that share a key but not a name cannot read each other's claims: use one name for those who may, such
    /// as the tenant's.
    pub fn new(key: SealingKey, audience: Audience) -> Self {
        let readers = vec![audience.clone()];
        let (usage, plain) = (Usage::Many, PlainValues::Refused);
        Self { key, other_key: None, name: audience, readers, usage, plain }
    }

    /// Opens what `key` sealed too: the next one before writers change to it, the last one until its claims are over.
    ///
    /// # Errors
    ///
    /// [`SealingError::TooManyKeys`] for a third key, [`SealingError::SameKeyId`] for one that could not be told apart.
    pub fn also_opens(mut self, key: SealingKey) -> Result<Self, SealingError> {
        if self.other_key.is_some() {
            return Err(SealingError::TooManyKeys);
        }
        if self.key.id() == key.id() {
            return Err(SealingError::SameKeyId);
        }
        self.other_key = Some(key);
        Ok(self)
    }

    /// Names those who may read what this service writes, in place of its own name.
    ///
    /// # Errors
    ///
    /// [`SealingError::Audiences`] for none, or for more than 8.
    pub fn write_for(mut self, readers: impl IntoIterator<Item = Audience>) -> Result<Self, SealingError> {
        self.readers = readers.into_iter().take(AUDIENCES + 1).collect();
        if (1..=AUDIENCES).contains(&self.readers.len()) { Ok(self) } else { Err(SealingError::Audiences) }
    }

    /// Lets each claim be redeemed once: redeeming ends it, and every call packs a claim of its own.
    ///
    /// This stops those who saw a header from using it again. It does not stop those who can write into the store, who
    /// can put an old value back.
    pub fn single_use(mut self) -> Self {
        self.usage = Usage::Once;
        self
    }

    /// Also takes values that are not sealed: for as long as some of the writers do not seal yet.
    ///
    /// What is given up: everything that sealing is for. A writer of the store can exchange passports then,
    /// and only the announced tips tell.
    pub fn dangerous_accept_plain(mut self) -> Self {
        self.plain = PlainValues::Accepted;
        self
    }

    pub(crate) fn key(&self) -> &SealingKey {
        &self.key
    }

    pub(crate) fn key_named(&self, id: &str) -> Option<&SealingKey> {
        [Some(&self.key), self.other_key.as_ref()].into_iter().flatten().find(|key| key.id().as_str() == id)
    }

    pub(crate) fn name(&self) -> &Audience {
        &self.name
    }

    pub(crate) fn readers(&self) -> &[Audience] {
        &self.readers
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    pub(crate) fn plain(&self) -> PlainValues {
        self.plain
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sealing")
            .field("key", &self.key)
            .field("other_key", &self.other_key)
            .field("name", &self.name)
            .field("readers", &self.readers)
            .field("usage", &self.usage)
            .field("plain", &self.plain)
            .finish()
    }
}

/// Who may read a claim: a service, or all services of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Reads a name of 1 to 128 bytes without control characters.
    ///
    /// # Errors
    ///
    /// [`AudienceError`] for any other text.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, AudienceError> {
        let name = name.into();
        let fits = (1..=AUDIENCE_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
        if fits { Ok(Self(name)) } else { Err(AudienceError) }
    }

    /// Reads a name that stands in the program.
    ///
    /// # Panics
    ///
    /// When it is no such name, with the literal and the line.
    #[must_use]
    #[track_caller]
    pub fn from_static(name: &'static str) -> Self {
        kest_core::literal(name, Self::new(name))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text names no audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("audience is empty, over 128 bytes or has control characters")]
pub struct AudienceError;

/// A service cannot seal like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// Two keys are live during a rotation, never three.
    #[error("more than two sealing keys are live")]
    TooManyKeys,
    /// Both keys have the same id: which of them sealed a claim would be a guess.
    #[error("two sealing keys have the same id")]
    SameKeyId,
    /// Claim checks must be for at least one reader, and for at most 8.
    #[error("claims must be written for 1 to 8 audiences")]
    Audiences,
}

/// Audiences of one claim.
const AUDIENCES: usize = 8;

/// Bytes of one audience's name.
const AUDIENCE_BYTES: usize = 128;
