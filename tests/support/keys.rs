//! Workloads with seeded keys, and passports that they really signed.

use std::sync::Arc;

use kest_core::policy::dangerous_allow_all;
use kest_core::signature::KeyRing;
use kest_core::trust::Origin;
use kest_core::{Admission, Admitter, Operation};
use kest_testkit::workload::key_ring;

use crate::clock::today;

pub use kest_testkit::workload::{seed, signer, workload};

/// The workloads that every test trusts.
pub const TRUSTED: [&str; 4] = ["gateway", "orders", "ledger", "service"];

/// A ring of all trusted workloads.
pub fn ring() -> Arc<KeyRing> {
    Arc::new(key_ring(TRUSTED))
}

/// `name`'s part in all lineages, under a clock that stands still.
pub fn kest(name: &str) -> Admitter {
    Admitter::builder(signer(name)).clock(Arc::new(today())).build()
}

/// A lineage of `hops` operations by changing workloads, started with full trust.
pub async fn chain(hops: usize) -> Admission {
    chain_from(Origin::system(), hops).await
}

/// A lineage of `hops` operations by changing workloads, started with `origin`.
pub async fn chain_from(origin: Origin, hops: usize) -> Admission {
    let policy = dangerous_allow_all();
    let first = Operation::named("start").unwrap();
    let mut admission = kest("gateway").originate(origin, &first, &policy).await.unwrap();
    for hop in 1..hops {
        let name = TRUSTED[hop % TRUSTED.len()];
        let operation = Operation::named(format!("step {hop}")).unwrap();
        admission = follow(&admission, name, operation).await;
    }
    admission
}

/// `name` follows `admission` with `operation`.
pub async fn follow(admission: &Admission, name: &str, operation: Operation) -> Admission {
    let arrival = kest_core::Arrival::new(
        kest_core::Lineage::Carried(admission.passport().clone()),
        admission.caller().clone(),
    );
    kest(name)
        .admit(&arrival, &operation, &dangerous_allow_all(), kest_core::AdmitOptions::default())
        .await
        .unwrap()
}
