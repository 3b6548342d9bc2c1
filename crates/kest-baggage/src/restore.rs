//! Turns what the header carried into a passport that can be verified: step 2 of a request's life.

use kest_core::entry::EntryHash;
use kest_core::passport::{PassportFormError, Tips};
use kest_core::{Limits, UnverifiedPassport};

use crate::packed::{Candidate, PackedPassport};
use crate::store::{PassportStore, PassportStoreError};
use crate::stores::{Place, Unanswered};
use crate::tier::{Tier, claim_check, compressed};

/// A passport out of its package, and the tier that it came by.
#[derive(Debug)]
pub struct Restored {
    passport: Option<UnverifiedPassport>,
    tier: Option<Tier>,
}

impl Restored {
    /// The passport; `None` when none came.
    #[must_use]
    pub fn passport(self) -> Option<UnverifiedPassport> {
        self.passport
    }

    /// The tier that was opened; `None` when no passport came.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.tier
    }
}

/// Opens `packed`: decodes, inflates or redeems it, all within `limits`.
///
/// Claim checks are redeemed as plain texts in `store`; where they are sealed or lie in two stores,
/// [`PassportStores::restore`](crate::PassportStores::restore) does the same. Redeeming one waits at most `limits.passport_store_wait` for each
/// question to a store and needs tokio's timer.
///
/// # Errors
///
/// [`RestoreError`]; a passport that cannot be opened is never an empty one.
pub async fn restore(
    packed: PackedPassport,
    store: Option<&dyn PassportStore>,
    limits: &Limits,
) -> Result<Restored, RestoreError> {
    restore_from(packed, store.map(Place::plain), limits).await
}

pub(crate) async fn restore_from(
    packed: PackedPassport,
    place: Option<Place<'_>>,
    limits: &Limits,
) -> Result<Restored, RestoreError> {
    let (candidates, tips) = packed.into_parts();
    let several = candidates.len() > 1;
    for candidate in candidates {
        let tier = candidate.tier();
        let passport = match open(candidate, tips.as_ref(), place, limits).await {
            // Of several that a legacy writer left, one that is stale is no attack.
            Err(RestoreError::ClaimCheckOfAnotherLineage) if several => continue,
            opened => opened?,
        };
        if !several || tips.as_ref().is_some_and(|tips| ends_in(&passport, tips)) {
            return Ok(Restored { passport: Some(passport), tier: Some(tier) });
        }
    }
    if several {
        return Err(RestoreError::NoMatch);
    }
    Ok(Restored { passport: None, tier: None })
}

async fn open(
    candidate: Candidate,
    tips: Option<&Tips>,
    place: Option<Place<'_>>,
    limits: &Limits,
) -> Result<UnverifiedPassport, RestoreError> {
    let parse = |json: &[u8]| UnverifiedPassport::dangerous_from_json(json, tips.cloned(), limits);
    match candidate {
        Candidate::Inline(json) => parse(json.as_bytes()).map_err(RestoreError::Form),
        Candidate::Compressed(text) => parse(&compressed::read(text, limits)?).map_err(RestoreError::Form),
        Candidate::ClaimCheck(claim) => claim_check::read(&claim, tips, place, limits).await,
    }
}

/// Whether `tips` can be the tips of `passport`: all of them are its entries, and its last entry, which can have no
/// child, is one of them. Verifying tells for certain.
pub(crate) fn ends_in(passport: &UnverifiedPassport, tips: &Tips) -> bool {
    let tips = tips.as_slice();
    if let ([tip], Some(last)) = (tips, passport.dangerous_entries().last()) {
        // The usual case, and the one that must not hash a thousand entries to look at the last of them.
        return *tip == EntryHash::of(last);
    }
    let hashes: Vec<_> = passport.entry_hashes().collect();
    match hashes.last() {
        None => tips.is_empty(),
        Some(last) => tips.contains(last) && tips.iter().all(|tip| hashes.contains(tip)),
    }
}

/// A carried passport could not be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The compressed form is no base64url.
    #[error("compressed passport is no base64url")]
    NotBase64,
    /// The compressed form is no zlib stream, is cut off, fails its checksum, or is followed by something.
    #[error("compressed passport is no zlib stream")]
    NotZlib,
    /// The compressed form inflates to more than `Limits::inflated_bytes` or `Limits::inflate_ratio` allow.
    #[error("compressed passport inflates to at least {0} bytes, over the limit")]
    TooLarge(usize),
    /// What came is no passport, or one that is over a limit.
    #[error("carried text is no passport")]
    Form(#[source] PassportFormError),
    /// Several tiers came, as legacy writers leave them, and none ends in the announced tips.
    #[error("no passport of several ends in the announced tips")]
    NoMatch,
    /// The claim is unknown or its time is over.
    #[error("claim is unknown or expired")]
    ClaimCheckGone,
    /// What lay under the claim is no passport, or one that is over a limit.
    #[error("claimed text is no passport")]
    ClaimCheckMalformed(#[source] PassportFormError),
    /// The claimed passport does not end in the announced tips: the value belongs to another claim.
    #[error("claimed passport does not end in the announced tips")]
    ClaimCheckOfAnotherLineage,
    /// What lay under the claim is not sealed, and sealing is configured.
    #[error("claimed text is not sealed")]
    ClaimCheckNotSealed,
    /// What lay under the claim has not the form of a sealed passport: another algorithm, another member, other parts.
    #[error("claimed text has not the form of a sealed passport")]
    ClaimCheckSealMalformed,
    /// The claim was sealed with a key that is not, or no longer, one of ours.
    #[error("claim was sealed with an unknown key")]
    ClaimCheckKeyUnknown,
    /// The seal does not hold: what lay under the claim was changed, or sealed with another key of that name.
    #[error("seal of the claim does not hold")]
    ClaimCheckSealBroken,
    /// What lay under the claim was sealed for another one.
    #[error("claimed text was sealed for another claim")]
    ClaimCheckSwapped,
    /// What lay under the claim was sealed for other readers.
    #[error("claimed text was sealed for other audiences")]
    ClaimCheckOfAnotherAudience,
    /// The seal's own time is over, whatever the store thinks.
    #[error("seal of the claim is expired")]
    ClaimCheckSealExpired,
    /// What lies under the claim is of another type than a text, or too long to be read.
    #[error("claim leads to something that is no text")]
    ClaimCheckUnusable(#[source] PassportStoreError),
    /// The passport store failed; a retry may help.
    #[error("passport store failed")]
    StoreUnavailable(#[source] PassportStoreError),
    /// The passport store did not answer within `Limits::passport_store_wait`; a retry may help.
    #[error("passport store did not answer")]
    StoreSlow,
    /// A claim check came and no passport store is configured: a fault of ours, not of the caller.
    #[error("no passport store is configured")]
    NoStore,
}

impl RestoreError {
    /// Who must act, and so how the request is answered.
    #[must_use]
    pub fn class(&self) -> RestoreFailure {
        match self {
            Self::NotBase64 | Self::NotZlib | Self::NoMatch => RestoreFailure::Malformed,
            Self::Form(cause) if !cause.is_over_limit() => RestoreFailure::Malformed,
            Self::Form(_) | Self::TooLarge(_) => RestoreFailure::OverLimit,
            Self::ClaimCheckGone | Self::ClaimCheckSealExpired => RestoreFailure::ClaimCheckGone,
            Self::ClaimCheckMalformed(_)
            | Self::ClaimCheckUnusable(_)
            | Self::ClaimCheckOfAnotherLineage
            | Self::ClaimCheckNotSealed
            | Self::ClaimCheckSealMalformed
            | Self::ClaimCheckKeyUnknown
            | Self::ClaimCheckSealBroken
            | Self::ClaimCheckSwapped
            | Self::ClaimCheckOfAnotherAudience => RestoreFailure::ClaimCheckMalformed,
            Self::StoreUnavailable(_) | Self::StoreSlow | Self::NoStore => RestoreFailure::StoreUnavailable,
        }
    }

    /// The kind, for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotBase64 => "passport_not_base64",
            Self::NotZlib => "passport_not_zlib",
            Self::TooLarge(_) => "passport_inflates_too_large",
            Self::Form(cause) if cause.is_over_limit() => "passport_over_limit",
            Self::Form(_) => "passport_malformed",
            Self::NoMatch => "passport_no_match",
            Self::ClaimCheckGone => "claim_check_gone",
            Self::ClaimCheckMalformed(_) | Self::ClaimCheckUnusable(_) => "claim_check_malformed",
            Self::ClaimCheckOfAnotherLineage => "claim_check_of_another_lineage",
            Self::ClaimCheckNotSealed => "claim_check_not_sealed",
            Self::ClaimCheckSealMalformed => "claim_check_seal_malformed",
            Self::ClaimCheckKeyUnknown => "claim_check_key_unknown",
            Self::ClaimCheckSealBroken => "claim_check_seal_broken",
            Self::ClaimCheckSwapped => "claim_check_swapped",
            Self::ClaimCheckOfAnotherAudience => "claim_check_of_another_audience",
            Self::ClaimCheckSealExpired => "claim_check_seal_expired",
            Self::StoreUnavailable(_) => "passport_store_unavailable",
            Self::StoreSlow => "passport_store_slow",
            Self::NoStore => "passport_store_missing",
        }
    }
}

impl From<Unanswered> for RestoreError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Failed(cause) if cause.is_unusable() => Self::ClaimCheckUnusable(cause),
            Unanswered::Failed(cause) => Self::StoreUnavailable(cause),
            Unanswered::Slow => Self::StoreSlow,
        }
    }
}

/// Who must act when a passport could not be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the answer to a request must decide about a new class")]
pub enum RestoreFailure {
    /// The caller sent something that is no passport: 400.
    Malformed,
    /// The caller sent more than is read: 431.
    OverLimit,
    /// The caller's claim is unknown or expired: 401.
    ClaimCheckGone,
    /// What lies under the caller's claim is no passport, or not the one that belongs there: 401.
    ClaimCheckMalformed,
    /// The store is away or not configured: 503.
    StoreUnavailable,
}

#[cfg(test)]
#[path = "tests/restore.rs"]
mod tests;
