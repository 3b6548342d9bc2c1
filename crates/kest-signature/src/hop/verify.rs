//! The receiver's second half: the proof holds for the verified passport, for this service, now, and for the first time.

use kest_core::passport::Passport;
use kest_core::signature::{KeyId, KeyRing, WorkloadId};

use super::{HopError, HopSettings, TAG, UnverifiedHop};
use crate::digest::ExpectedBody;
use crate::{Fault, once};

/// A proof that holds: the request was made, just now and once, by the workload that signed the tip.
///
/// Of the body it is proved what it must be ([`body`](Self::body)), not yet that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHop {
    workload: WorkloadId,
    key_id: KeyId,
    created: u64,
    body: ExpectedBody,
}

impl VerifiedHop {
    /// The workload that made the request: the signer of the tip.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        &self.workload
    }

    /// The key that it used.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// When it was made, in seconds since 1970 on the caller's clock.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created
    }

    /// What the body must be. No handler may act on it before it was [checked](ExpectedBody::check).
    #[must_use]
    pub fn body(&self) -> &ExpectedBody {
        &self.body
    }
}

impl UnverifiedHop {
    /// Proves that the signer of the tips of `passport`, which was verified, made this request for this service just now,
    /// with a key of `ring`; and uses the proof up.
    ///
    /// The replay store is asked last, on the account of the key: what does not hold for another reason takes up no room,
    /// and no caller can use up the proof of another.
    ///
    /// # Errors
    ///
    /// [`HopError`]; nothing may be run then.
    pub async fn verify(
        self,
        passport: &Passport,
        ring: &KeyRing,
        settings: &HopSettings,
    ) -> Result<VerifiedHop, HopError> {
        if !settings.authorities.contains(&self.authority) {
            return Err(Fault::AuthorityNotOurs.into());
        }
        if self.tips != passport.tips() {
            return Err(Fault::TipsDiffer.into());
        }
        let workload = signer_of_tips(passport)?;
        let Some(key) = ring.key(workload, &self.key_id) else {
            let known = ring.has_key(&self.key_id);
            return Err(if known { Fault::KeyOfAnother } else { Fault::KeyUnknown }.into());
        };
        let kept_until = settings.window.check(&self.moment, settings.clock.as_ref())?;
        self.moment.check_end_of_key(ring, &self.key_id)?;
        if !key.verifies(self.base.as_bytes(), &self.signature) {
            return Err(Fault::RequestDiffers.into());
        }
        once::use_up(settings.replays.as_ref(), TAG, &self.key_id, &self.nonce, kept_until).await?;
        Ok(VerifiedHop {
            workload: workload.clone(),
            key_id: self.key_id,
            created: self.moment.created,
            body: self.body,
        })
    }
}

/// The one workload that signed every tip.
fn signer_of_tips(passport: &Passport) -> Result<&WorkloadId, Fault> {
    let mut signers = passport.tip_entries().map(|tip| tip.workload());
    let signer = signers.next().ok_or(Fault::NoTip)?;
    if signers.all(|other| other == signer) { Ok(signer) } else { Err(Fault::TipsOfSeveral) }
}
