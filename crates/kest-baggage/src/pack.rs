//! Writes a passport in the smallest tier that fits: step 8 of a request's life.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use kest_core::passport::Tips;
use kest_core::{Identity, Limits, Passport, Random, RandomError, Share};

use crate::header::AROUND_VALUE;
use crate::member::{AGENT, CHAIN_TIP, TASK, USER, push_member};
use crate::store::PassportStoreError;
use crate::stores::PassportStores;
use crate::tier::{Tier, claim_check, compressed, inline};

/// Which tiers a service writes, and from which length on.
///
/// Without a passport store a passport that fits no header cannot be sent at all.
#[derive(Clone)]
pub struct Tiers {
    rule: Rule,
    threshold: usize,
    store: Option<PassportStores>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    SmallestFirst,
    CompressedAlways,
}

impl Tiers {
    /// The first that fits of inline, compressed and claim check.
    #[must_use]
    pub fn auto() -> Self {
        Self { rule: Rule::SmallestFirst, threshold: DEFAULT_THRESHOLD, store: None }
    }

    /// Compressed, or a claim check where that does not fit: for readers that cannot percent-decode.
    #[must_use]
    pub fn compressed_always() -> Self {
        Self { rule: Rule::CompressedAlways, ..Self::auto() }
    }

    /// Sets how many bytes the encoded member, name and value, may have; 4096 otherwise.
    ///
    /// Many baggage libraries drop a longer member.
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Keeps what fits no header there: [`PassportStores`], or a store alone, which readers of the claim check must share.
    #[must_use]
    pub fn store(mut self, store: impl Into<PassportStores>) -> Self {
        self.store = Some(store.into());
        self
    }

    /// Whether each request must pack for itself, since what it carries can be redeemed once.
    #[must_use]
    pub fn is_single_use(&self) -> bool {
        self.store.as_ref().is_some_and(PassportStores::is_single_use)
    }

    /// Whether both choose the same tier for every passport, and keep claims in the same way at the same places.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let same_store = match (&self.store, &other.store) {
            (None, None) => true,
            (Some(one), Some(two)) => one.same_as(two),
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_store && self.rule == other.rule && self.threshold == other.threshold
    }

    async fn write(
        &self,
        passport: &Passport,
        tips: &Tips,
        room: usize,
        share: Option<Share>,
        (random, limits): (&dyn Random, &Limits),
    ) -> Result<(Tier, String), PackError> {
        let json = passport.to_json();
        if self.rule == Rule::SmallestFirst
            && let Some(member) = inline::write(&json, room)
        {
            return Ok((Tier::Inline, member));
        }
        if let Some(member) = compressed::write(&json, room, limits) {
            return Ok((Tier::Compressed, member));
        }
        match &self.store {
            Some(store) if json.len() <= limits.passport_bytes => {
                let (place, text) = (store.place(), (json, passport));
                let member = claim_check::write(text, tips, place, share, random, limits).await?;
                Ok((Tier::ClaimCheck, member))
            }
            _ => Err(PackError::TooLarge(json.len())),
        }
    }
}

impl Default for Tiers {
    fn default() -> Self {
        Self::auto()
    }
}

impl fmt::Debug for Tiers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tiers")
            .field("rule", &self.rule)
            .field("threshold", &self.threshold)
            .field("store", &self.store)
            .finish()
    }
}

/// The members that carry one passport, ready to be put on any number of requests.
#[derive(Clone)]
pub struct PackedHeader {
    /// All members, joined.
    text: Bytes,
    /// Where the text may be cut: after the members that must go, and after each one that is only a courtesy.
    cuts: Arc<[Cut]>,
    tier: Option<Tier>,
}

/// A place up to which the text is whole members.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cut {
    pub(crate) bytes: usize,
    pub(crate) members: usize,
}

impl PackedHeader {
    /// The tier that was chosen; `None` for an empty passport, which needs no member.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.tier
    }

    /// Encoded length of all members, commas included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// How many members there are.
    #[must_use]
    pub fn members(&self) -> usize {
        self.cuts.last().map_or(0, |cut| cut.members)
    }

    fn nothing() -> Self {
        Self { text: Bytes::new(), cuts: Arc::new([]), tier: None }
    }

    fn new(tier: Tier, mut text: String, tip: &str, identity: &Identity) -> Self {
        text.push(',');
        text.push_str(tip);
        let mut last = Cut { bytes: text.len(), members: 2 };
        let mut cuts = vec![last];
        let courtesies = [(USER, identity.user()), (AGENT, identity.agent()), (TASK, identity.task())];
        for (name, value) in courtesies {
            let Some(value) = value.filter(|value| (1..=IDENTITY_BYTES).contains(&value.len())) else {
                continue;
            };
            push_member(&mut text, name, value);
            last = Cut { bytes: text.len(), members: last.members + 1 };
            cuts.push(last);
        }
        Self { text: text.into(), cuts: cuts.into(), tier: Some(tier) }
    }

    pub(crate) fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn up_to(&self, cut: Cut) -> Bytes {
        self.text.slice(..cut.bytes.min(self.text.len()))
    }
}

impl fmt::Debug for PackedHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PackedHeader")
            .field("tier", &self.tier)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// Packs `passport`: the passport in the first tier that fits, its tips, and `identity` for readers of other languages.
///
/// An empty passport gives no member at all. A user, agent or task of more than 256 bytes is left out: readers may not
/// believe these members anyway, and the signed entries hold them in full. A claim check waits at most
/// `limits.passport_store_wait` for the store and needs tokio's timer.
///
/// # Errors
///
/// [`PackError`]; the request must not be sent then.
pub async fn pack(
    passport: &Passport,
    identity: &Identity,
    tiers: &Tiers,
    random: &dyn Random,
    limits: &Limits,
) -> Result<PackedHeader, PackError> {
    pack_on(None, (passport, identity), tiers, random, limits).await
}

/// The same on the account of `share`, of whose part of the passport store a claim check takes.
///
/// # Errors
///
/// [`PackError`]; the request must not be sent then.
pub async fn pack_for(
    share: Share,
    passport: &Passport,
    identity: &Identity,
    tiers: &Tiers,
    random: &dyn Random,
    limits: &Limits,
) -> Result<PackedHeader, PackError> {
    pack_on(Some(share), (passport, identity), tiers, random, limits).await
}

async fn pack_on(
    share: Option<Share>,
    (passport, identity): (&Passport, &Identity),
    tiers: &Tiers,
    random: &dyn Random,
    limits: &Limits,
) -> Result<PackedHeader, PackError> {
    if passport.is_empty() {
        return Ok(PackedHeader::nothing());
    }
    let tips = passport.tips();
    let mut tip = String::new();
    push_member(&mut tip, CHAIN_TIP, &tips.to_string());
    let header_room = limits.outgoing_header_bytes.saturating_sub(AROUND_VALUE + tip.len() + 1);
    let room = tiers.threshold.min(header_room);
    let (tier, member) = tiers.write(passport, &tips, room, share, (random, limits)).await?;
    Ok(PackedHeader::new(tier, member, &tip, identity))
}

/// A passport was not packed.
///
/// Cloneable, since all that waited for one packing learn of its failure.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// It fits no header, and there is no passport store or not even that may keep it.
    #[error("passport of {0} bytes fits no tier")]
    TooLarge(usize),
    /// The passport store did not keep it.
    #[error("passport store kept no passport")]
    PassportStore(#[source] Arc<PassportStoreError>),
    /// The passport store did not answer within `Limits::passport_store_wait`; a retry may help.
    #[error("passport store did not answer")]
    PassportStoreSlow,
    /// No random bytes for a claim id or a seal.
    #[error("no claim id could be made")]
    Random(#[source] Arc<RandomError>),
    /// The claim could not be sealed.
    #[error("claim could not be sealed")]
    Seal(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl PackError {
    /// Whether the same passport may be packed a moment later: only when the passport store was away or slow.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::PassportStore(cause) => cause.may_retry(),
            Self::PassportStoreSlow => true,
            Self::TooLarge(_) | Self::Random(_) | Self::Seal(_) => false,
        }
    }
}

/// Protocol section 4.
const DEFAULT_THRESHOLD: usize = 4096;

/// Bytes of a user, agent or task, before encoding.
const IDENTITY_BYTES: usize = 256;

#[cfg(test)]
#[path = "tests/pack.rs"]
mod tests;
