//! Tier 3: a ticket in the header, the passport in a passport store.

use std::sync::{Arc, Once};

use bytes::Bytes;
use kest_core::passport::Tips;
use kest_core::{Clock, Limits, Passport, Random, Share, UnverifiedPassport};

use crate::member::{CLAIM_CHECK, push_member};
use crate::pack::PackError;
use crate::restore::{RestoreError, ends_in};
use crate::seal::{self, PlainValues, Sealing, Unsealable, Usage};
use crate::store::ClaimCheck;
use crate::stores::{Place, Unanswered, WhichStore};
use crate::telemetry;

/// Keeps `passport`, whose text is `json` and whose tips are these, and gives the member that names it.
///
/// While a store takes its time, only what it was given is held: a second one gets the text written anew.
pub(crate) async fn write(
    (json, passport): (String, &Passport),
    tips: &Tips,
    place: Place<'_>,
    share: Option<Share>,
    random: &dyn Random,
    limits: &Limits,
) -> Result<String, PackError> {
    let keep = |json, which| keep(json, tips, (place, share), which, random, limits);
    let first = match keep(json, WhichStore::First).await {
        Err(Unkept::Store(cause)) if place.stores.second.is_some() => cause,
        kept => return member(kept),
    };
    // Under an id of its own: where the first store kept the claim although it did not say so, its ticket is unknown,
    // and a claim for single use never lies at two places.
    let second = keep(passport.to_json(), WhichStore::Second).await;
    member(second.map_err(|second| if first.may_retry() { Unkept::Store(first) } else { second }))
}

fn member(kept: Result<ClaimCheck, Unkept>) -> Result<String, PackError> {
    let mut member = String::new();
    push_member(&mut member, CLAIM_CHECK, &kept?.to_string());
    Ok(member)
}

async fn keep(
    json: String,
    tips: &Tips,
    (place, share): (Place<'_>, Option<Share>),
    which: WhichStore,
    random: &dyn Random,
    limits: &Limits,
) -> Result<ClaimCheck, Unkept> {
    let claim = ClaimCheck::generate(random).map_err(Unsealable::Random)?;
    let value = match place.sealing {
        Some(sealing) => {
            let expires = expires(place.stores.clock, limits);
            seal::seal(json.into_bytes(), (&claim, tips), expires, sealing, random)?.into()
        }
        None => Bytes::from(json),
    };
    place.stores.put(which, share, (&claim, value), limits).await.map_err(Unkept::Store)?;
    Ok(claim)
}

/// The first whole second at which the claim's time is over.
fn expires(clock: &dyn Clock, limits: &Limits) -> u64 {
    let lives = u64::try_from(limits.claim_check_ttl.as_millis()).unwrap_or(u64::MAX);
    clock.unix_millis().saturating_add(lives).div_ceil(1000)
}

/// A claim lies nowhere.
enum Unkept {
    Store(Unanswered),
    Seal(Unsealable),
}

impl From<Unsealable> for Unkept {
    fn from(cause: Unsealable) -> Self {
        Self::Seal(cause)
    }
}

impl From<Unkept> for PackError {
    fn from(unkept: Unkept) -> Self {
        match unkept {
            Unkept::Store(Unanswered::Failed(cause)) => Self::PassportStore(Arc::new(cause)),
            Unkept::Store(Unanswered::Slow) => Self::PassportStoreSlow,
            Unkept::Seal(Unsealable::Random(cause)) => Self::Random(Arc::new(cause)),
            Unkept::Seal(cause) => Self::Seal(Arc::new(cause)),
        }
    }
}

/// Redeems `claim`; nothing that the store gives is believed to be a passport before it was read as one.
pub(crate) async fn read(
    claim: &ClaimCheck,
    tips: Option<&Tips>,
    place: Option<Place<'_>>,
    limits: &Limits,
) -> Result<UnverifiedPassport, RestoreError> {
    let Some(place) = place else {
        static WARNED: Once = Once::new();
        WARNED.call_once(|| {
            tracing::error!(
                "a claim check came and no passport store is configured: such requests are refused"
            );
        });
        return Err(RestoreError::NoStore);
    };
    let (value, which) = place.stores.find(claim, limits).await?.ok_or(RestoreError::ClaimCheckGone)?;
    let (passport, usage) =
        open(&value, (claim, tips), place, limits).inspect_err(telemetry::claim_check_refused)?;
    drop(value);
    // Only now, so that a ticket alone cannot end a claim.
    if usage == Usage::Once && !place.stores.remove(which, claim, limits).await? {
        return Err(RestoreError::ClaimCheckGone);
    }
    Ok(passport)
}

fn open(
    value: &Bytes,
    (claim, announced): (&ClaimCheck, Option<&Tips>),
    place: Place<'_>,
    limits: &Limits,
) -> Result<(UnverifiedPassport, Usage), RestoreError> {
    let parse = |json: &[u8], tips: Option<Tips>| {
        UnverifiedPassport::dangerous_from_json(json, tips, limits).map_err(RestoreError::ClaimCheckMalformed)
    };
    let (passport, tips, usage) = match sealing_of(value, place.sealing)? {
        Some(sealing) => {
            let now = place.stores.clock.unix_millis();
            let opened = seal::open(value, (claim, announced), now, sealing, limits)?;
            let passport = parse(&opened.passport, Some(opened.tips.clone()))?;
            (passport, Some(opened.tips), opened.usage)
        }
        None => (parse(value, announced.cloned())?, announced.cloned(), Usage::Many),
    };
    match tips {
        Some(tips) if !ends_in(&passport, &tips) => Err(RestoreError::ClaimCheckOfAnotherLineage),
        Some(_) | None => Ok((passport, usage)),
    }
}

/// How to open `value`; `None` for one that may be plain.
fn sealing_of<'claims>(
    value: &[u8],
    sealing: Option<&'claims Sealing>,
) -> Result<Option<&'claims Sealing>, RestoreError> {
    // No base64url begins like an array, and no array like base64url.
    let plain = value.trim_ascii_start().first() == Some(&b'[');
    match sealing {
        Some(sealing) if plain && sealing.plain() == PlainValues::Refused => {
            Err(RestoreError::ClaimCheckNotSealed)
        }
        Some(sealing) => Ok((!plain).then_some(sealing)),
        None => Ok(None),
    }
}
