//! What the tests of sealed claims share: keys, deployments, and a passport on its way through one.

use std::sync::Arc;

use bytes::Bytes;
use kest_core::signature::KeyId;
use kest_core::{Limits, Passport, Verifier};
use kest_testkit::TestClock;

use crate::rig::{line, packed, ring};
use crate::{
    Audience, ClaimCheck, HeaderReader, InMemoryPassports, PassportStore, PassportStores, RestoreError,
    Sealing, SealingKey, Tiers,
};

/// The key called `id`; the same bytes for the same id.
pub(crate) fn key(id: &str) -> SealingKey {
    let mut bytes = [0x5a; 32];
    for (place, byte) in bytes.iter_mut().zip(id.bytes()) {
        *place = byte;
    }
    SealingKey::new(KeyId::new(id).unwrap(), &bytes)
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

/// Seals with key `id` for, and reads as, `name`.
pub(crate) fn sealing(id: &str, name: &str) -> Sealing {
    Sealing::new(key(id), audience(name))
}

/// One store under a clock that stands still, and anyone who writes into it.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) store: Arc<InMemoryPassports>,
    pub(crate) hands: Arc<TestClock>,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        let hands = Arc::new(TestClock::default());
        let store = InMemoryPassports::with_clock(&Limits::default(), Arc::<TestClock>::clone(&hands));
        Self { store: Arc::new(store), hands }
    }

    /// The claims of a service that seals like this.
    pub(crate) fn claims(&self, sealing: Sealing) -> PassportStores {
        let store = Arc::<InMemoryPassports>::clone(&self.store);
        PassportStores::sealed(store, sealing).clock(Arc::<TestClock>::clone(&self.hands))
    }

    pub(crate) async fn value(&self, claim: &ClaimCheck) -> Bytes {
        self.store.get(claim).await.unwrap().unwrap()
    }

    /// What someone does who can write into the store.
    pub(crate) async fn plant(&self, claim: &ClaimCheck, value: impl Into<Bytes>) {
        self.store.put(claim, value.into(), Limits::default().claim_check_ttl).await.unwrap();
    }
}

/// Sends `passport` as a claim: the header line, and the claim that it names.
pub(crate) async fn sent(passport: &Passport, claims: &PassportStores) -> (String, ClaimCheck) {
    let line = line(&packed(passport, &Tiers::auto().threshold(0).store(claims.clone())).await);
    let member = line.split(',').next().unwrap();
    let claim = ClaimCheck::parse(member.strip_prefix("kest.claim_check=").unwrap()).unwrap();
    (line, claim)
}

/// Steps 1 to 3 over one header line, by a service that reads with `claims`.
pub(crate) async fn redeemed(line: &str, claims: &PassportStores) -> Result<Passport, RestoreError> {
    redeemed_by(&HeaderReader::default(), line, claims).await
}

pub(crate) async fn redeemed_by(
    reader: &HeaderReader,
    line: &str,
    claims: &PassportStores,
) -> Result<Passport, RestoreError> {
    let packed = reader.read([line.as_bytes()]).unwrap();
    let restored = claims.restore(packed, &Limits::default()).await?;
    Ok(Verifier::new(Limits::default()).verify(restored.passport().unwrap(), &ring()).unwrap())
}

/// The kind of the refusal of `line`.
pub(crate) async fn kind(line: &str, claims: &PassportStores) -> &'static str {
    redeemed(line, claims).await.unwrap_err().kind()
}
