//! What the tests of this crate share: a service with a fixed key, real lineages, stores that fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kest_core::caller::Attested;
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyId, KeyRing, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{
    Admission, AdmitOptions, Admitter, Arrival, Authenticate, AuthenticateError, Evidence, Identity,
    IdentitySource, Limits, Operation, OsRandom, Passport, Verifier, authenticate,
};

use crate::{
    ClaimCheck, HeaderReader, InMemoryPassports, PackError, PackedHeader, PassportStore, PassportStoreError,
    RestoreError, Tier, Tiers, pack, restore,
};

pub(crate) fn signer() -> Ed25519Signer {
    let workload = WorkloadId::new("spiffe://example.org/cart").unwrap();
    Ed25519Signer::from_seed(workload, KeyId::new("cart-1").unwrap(), &[7; 32]).unwrap()
}

pub(crate) fn ring() -> KeyRing {
    let mut ring = KeyRing::new();
    ring.trust_signer(&signer()).unwrap();
    ring
}

pub(crate) fn kest() -> Admitter {
    Admitter::builder(Arc::new(signer())).build()
}

pub(crate) fn operation(name: &str) -> Operation {
    Operation::named(name).unwrap()
}

/// The last operation of a lineage of `entries` entries.
pub(crate) async fn lineage(kest: &Admitter, entries: usize) -> Admission {
    let policy = dangerous_allow_all();
    let mut last = kest.originate(Origin::system(), &operation("start"), &policy).await.unwrap();
    for step in 1..entries {
        let next = last.operation(operation(&format!("step-{step}")));
        last = next.admit(&policy).await.unwrap();
    }
    last
}

pub(crate) async fn passport(entries: usize) -> Passport {
    lineage(&kest(), entries).await.passport().clone()
}

/// A lineage that ends in `branches` tips.
pub(crate) async fn fan_out(branches: usize) -> Passport {
    let policy = dangerous_allow_all();
    let root = lineage(&kest(), 1).await;
    let mut joined = root.passport().clone();
    for branch in 0..branches {
        let admitted = root.operation(operation(&format!("branch-{branch}")));
        let admitted = admitted.admit(&policy).await.unwrap();
        joined = joined.merge(admitted.passport(), &Limits::default()).unwrap();
    }
    joined
}

/// A request by `user` that was admitted as one operation.
pub(crate) async fn admitted_for(user: &str) -> Admission {
    let arrival = arrived_for(user).await;
    let options = AdmitOptions::default().with_root_origin(Origin::user_input());
    kest().admit(&arrival, &operation("serve"), &dangerous_allow_all(), options).await.unwrap()
}

/// A request by `user` without a passport.
pub(crate) async fn arrived_for(user: &str) -> Arrival {
    #[derive(Debug)]
    struct Is(Identity);

    #[async_trait]
    impl Authenticate for Is {
        async fn attest(&self, _evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
            Ok(Attested::new(self.0.clone(), IdentitySource::Jwt).with_issuer("https://issuer.example"))
        }
    }

    let lineage = kest_core::Lineage::Absent;
    let identity = Identity::default().with_user(user).with_agent("browser").with_task("buy");
    let caller = authenticate(&Is(identity), &Evidence::new(&lineage)).await.unwrap();
    Arrival::new(lineage, caller)
}

pub(crate) async fn packed(passport: &Passport, tiers: &Tiers) -> PackedHeader {
    packed_for(passport, &Identity::default(), tiers).await.unwrap()
}

pub(crate) async fn packed_for(
    passport: &Passport,
    identity: &Identity,
    tiers: &Tiers,
) -> Result<PackedHeader, PackError> {
    pack(passport, identity, tiers, &OsRandom, &Limits::default()).await
}

/// The value of the only `baggage` line that `header` makes of an empty request.
pub(crate) fn line(header: &PackedHeader) -> String {
    let mut headers = http::HeaderMap::new();
    header.inject(&mut headers, &Limits::default()).unwrap();
    headers.get("baggage").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Steps 1 to 3 over one header line, with the service's own key.
pub(crate) async fn received(
    reader: &HeaderReader,
    line: &str,
    store: Option<&dyn PassportStore>,
) -> Result<(Passport, Tier), RestoreError> {
    let packed = reader.read([line.as_bytes()]).unwrap();
    let restored = restore(packed, store, &Limits::default()).await?;
    let tier = restored.tier().unwrap();
    let verified = Verifier::new(Limits::default()).verify(restored.passport().unwrap(), &ring());
    Ok((verified.unwrap(), tier))
}

pub(crate) fn claims() -> Arc<InMemoryPassports> {
    Arc::new(InMemoryPassports::new(&Limits::default()))
}

/// A store that does what a test wants it to do.
#[derive(Debug)]
pub(crate) enum Moody {
    Down,
    Silent,
    /// What lies there cannot be told from something of another service.
    Spoilt,
    Gives(&'static [u8]),
}

#[async_trait]
impl PassportStore for Moody {
    async fn put(&self, _: &ClaimCheck, _: Bytes, _: Duration) -> Result<(), PassportStoreError> {
        match self {
            Self::Down => Err(PassportStoreError::unavailable("down")),
            Self::Silent => std::future::pending().await,
            Self::Spoilt | Self::Gives(_) => Ok(()),
        }
    }

    async fn get(&self, _: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        match self {
            Self::Down => Err(PassportStoreError::unavailable("down")),
            Self::Silent => std::future::pending().await,
            Self::Spoilt => Err(PassportStoreError::unusable("spoilt")),
            Self::Gives(text) => Ok(Some(Bytes::from_static(text))),
        }
    }

    async fn remove(&self, _: &ClaimCheck) -> Result<bool, PassportStoreError> {
        match self {
            Self::Down => Err(PassportStoreError::unavailable("down")),
            Self::Silent => std::future::pending().await,
            Self::Spoilt | Self::Gives(_) => Ok(true),
        }
    }
}

/// Counts what is put and asked for, waits a moment before it keeps it, and fails while `failures` are left.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    pub(crate) puts: AtomicUsize,
    pub(crate) gets: AtomicUsize,
    pub(crate) failures: AtomicUsize,
    pub(crate) kept: Mutex<Vec<(ClaimCheck, Bytes, Duration)>>,
}

#[async_trait]
impl PassportStore for Counting {
    async fn put(
        &self,
        claim: &ClaimCheck,
        passport: Bytes,
        time_to_live: Duration,
    ) -> Result<(), PassportStoreError> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        let take = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            return Err(PassportStoreError::unavailable("not yet"));
        }
        self.kept.lock().unwrap().push((*claim, passport, time_to_live));
        Ok(())
    }

    async fn get(&self, claim: &ClaimCheck) -> Result<Option<Bytes>, PassportStoreError> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        let kept = self.kept.lock().unwrap();
        Ok(kept.iter().find(|(id, _, _)| id == claim).map(|(_, passport, _)| passport.clone()))
    }

    async fn remove(&self, claim: &ClaimCheck) -> Result<bool, PassportStoreError> {
        let mut kept = self.kept.lock().unwrap();
        let place = kept.iter().position(|(id, _, _)| id == claim);
        Ok(place.map(|place| kept.swap_remove(place)).is_some())
    }
}
