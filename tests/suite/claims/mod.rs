//! Claim checks through the real layers and the real client: sealed, in two stores, and attacked in the store.

mod attacks;
mod failures;
mod outages;
mod round_trip;
pub(crate) mod shared;

use std::sync::Arc;

use kest_baggage::{ClaimCheck, InMemoryPassports, PassportStores, Sealing, Tiers, pack};
use kest_core::{Admission, Limits, OsRandom};
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};

/// A store that several services of one process share.
#[derive(Debug, Clone)]
struct Shared(Arc<InMemoryPassports>);

impl Shared {
    fn new() -> Self {
        Self(Arc::new(InMemoryPassports::new(&Limits::default())))
    }

    fn claims(&self, sealing: Sealing) -> PassportStores {
        PassportStores::sealed(Arc::<InMemoryPassports>::clone(&self.0), sealing)
    }
}

/// A service that redeems claims there.
async fn service(claims: &PassportStores) -> Service {
    let claims = claims.clone();
    Setup { inbound: Box::new(|inbound| inbound.passport_store(claims)), ..Setup::default() }.start().await
}

/// The header that carries `admission`'s lineage as a claim, and the claim.
async fn packed(admission: &Admission, claims: &PassportStores) -> (String, ClaimCheck) {
    let (passport, identity) = (admission.passport(), admission.caller().identity());
    let tiers = Tiers::auto().threshold(0).store(claims.clone());
    let header = pack(passport, identity, &tiers, &OsRandom, &Limits::default()).await.unwrap();
    let mut headers = http::HeaderMap::new();
    header.inject(&mut headers, &Limits::default()).unwrap();
    let line = headers["baggage"].to_str().unwrap().to_owned();
    let claim = line.split(',').next().unwrap().strip_prefix("kest.claim_check=").unwrap();
    let claim = ClaimCheck::parse(claim).unwrap();
    (line, claim)
}

fn with(line: &str) -> RawRequest {
    raw::call().baggage(line)
}
