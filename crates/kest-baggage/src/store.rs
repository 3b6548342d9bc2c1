//! The seam between a claim check and the place where the passport lies.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_core::{BoxError, Random, RandomError, Share};
use uuid::{Builder, Uuid, Variant, Version};

/// Keeps passports that are too long for a header, for as long as a chain of calls may take.
///
/// A store must be shared by the writer and the reader of a claim check. It sees passports as JSON or
/// [sealed](crate::PassportStores::sealed), either way as bytes that mean nothing to it, at most
/// [`longest_claim`](crate::longest_claim) of them.
#[async_trait]
pub trait PassportStore: fmt::Debug + Send + Sync {
    /// Keeps `passport` under `claim` for `time_to_live`, and no less: a live claim may not be evicted.
    ///
    /// # Errors
    ///
    /// [`PassportStoreError`] when the passport is not kept; the claim check is not written then.
    async fn put(
        &self,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError>;

    /// The same on the account of `share`: a store that many fill gives each a part of its room.
    ///
    /// The default keeps no accounts. A store of your own that many callers' passports fill should.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`PassportStoreError::share_full`] for a caller that has used up its part.
    async fn put_for(
        &self,
        share: Share,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError> {
        let _ = share;
        self.put(claim, passport, time_to_live).await
    }

    /// What lies under `claim`; `None` when it is unknown or its time is over.
    ///
    /// # Errors
    ///
    /// [`PassportStoreError`] when the store gave no answer, which is not the same as an unknown claim, or one that is
    /// [unusable](PassportStoreError::unusable).
    async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError>;

    /// Ends `claim` before its time, and says whether there was one to end. One atomic step: of several who end the
    /// same claim at the same time, one is told that it did.
    ///
    /// # Errors
    ///
    /// [`PassportStoreError`] when the store gave no answer; the claim may live on.
    async fn remove(&self, claim: &ClaimCheck) -> Result<bool, PassportStoreError>;
}

/// A ticket for a passport in a passport store: an unguessable UUID of version 4 (RFC 9562 section 5.4).
///
/// Its holder can fetch the passport, so `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimCheck(Uuid);

impl ClaimCheck {
    /// A new ticket of 122 random bits.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when no random bytes can be had.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = [0_u8; 16];
        random.fill(&mut bytes)?;
        Ok(Self(Builder::from_random_bytes(bytes).into_uuid()))
    }

    /// Reads the hyphenated lower-case form and no other spelling: the text becomes part of a store's key.
    ///
    /// # Errors
    ///
    /// [`ClaimCheckError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, ClaimCheckError> {
        let id = Uuid::try_parse(text).map_err(|_cause| ClaimCheckError)?;
        let canonical = id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
        let random = id.get_version() == Some(Version::Random) && id.get_variant() == Variant::RFC4122;
        if canonical && random { Ok(Self(id)) } else { Err(ClaimCheckError) }
    }

    /// The key under which every implementation finds it.
    #[must_use]
    pub fn store_key(&self) -> String {
        format!("kest.claim.{self}")
    }
}

impl fmt::Display for ClaimCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}

impl fmt::Debug for ClaimCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClaimCheck(..)")
    }
}

/// A text is no claim id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("claim id is no lower-case uuid of version 4")]
pub struct ClaimCheckError;

/// A passport store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PassportStoreError(Kind);

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("passport store is unavailable")]
    Unavailable(#[source] BoxError),
    #[error("passport store is full")]
    Full,
    #[error("caller has used up its share of the passport store")]
    ShareFull,
    #[error("passport store holds something else under the claim")]
    Unusable(#[source] BoxError),
}

impl PassportStoreError {
    /// The store is out of reach or failed.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self(Kind::Unavailable(cause.into()))
    }

    /// The store has no room that it may use.
    #[must_use]
    pub fn full() -> Self {
        Self(Kind::Full)
    }

    /// The caller has used up its own part of the room; others go on.
    #[must_use]
    pub fn share_full() -> Self {
        Self(Kind::ShareFull)
    }

    /// The store answered, and what lies under the claim can be no passport: of another type, or too long to be read.
    pub fn unusable(cause: impl Into<BoxError>) -> Self {
        Self(Kind::Unusable(cause.into()))
    }

    /// Whether the same question may be answered a moment later; a full store stays full until claims expire, and what
    /// is no passport becomes none.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self.0 {
            Kind::Unavailable(_) => true,
            Kind::Full | Kind::ShareFull | Kind::Unusable(_) => false,
        }
    }

    /// Whether it was the caller's own part of the room that was used up, and not the store's.
    #[must_use]
    pub fn is_share_full(&self) -> bool {
        matches!(self.0, Kind::ShareFull)
    }

    pub(crate) fn is_unusable(&self) -> bool {
        matches!(self.0, Kind::Unusable(_))
    }
}

#[cfg(test)]
mod tests {
    use kest_core::OsRandom;

    use super::*;

    #[test]
    fn only_the_canonical_spelling_of_a_random_uuid_is_a_claim_id() {
        let text = "a6513107-f5af-429c-b91b-5594dd9cfcbe";
        let claim = ClaimCheck::parse(text).unwrap();
        assert_eq!(claim.to_string(), text);
        assert_eq!(claim.store_key(), format!("kest.claim.{text}"));
        assert_eq!(format!("{claim:?}"), "ClaimCheck(..)");
        for other in [
            "",
            "../../secret",
            "A6513107-F5AF-429C-B91B-5594DD9CFCBE",
            "a6513107f5af429cb91b5594dd9cfcbe",
            "{a6513107-f5af-429c-b91b-5594dd9cfcbe}",
            "urn:uuid:a6513107-f5af-429c-b91b-5594dd9cfcbe",
            "019aaaac-2806-7f92-a935-9802bcde2c13",
            "a6513107-f5af-429c-c91b-5594dd9cfcbe",
        ] {
            assert_eq!(ClaimCheck::parse(other), Err(ClaimCheckError), "{other}");
        }
    }

    #[test]
    fn generated_claim_id_is_one_that_is_read() {
        let claim = ClaimCheck::generate(&OsRandom).unwrap();
        assert_eq!(ClaimCheck::parse(&claim.to_string()), Ok(claim));
    }

    #[test]
    fn full_store_is_told_from_an_unavailable_one() {
        assert!(!PassportStoreError::full().may_retry());
        assert!(!PassportStoreError::unusable("a list").may_retry());
        let away = PassportStoreError::unavailable("connection refused");
        assert!(away.may_retry());
        assert_eq!(away.to_string(), "passport store is unavailable");
    }
}
