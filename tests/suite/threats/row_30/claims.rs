//! Long lineages, which lie in a store that all callers of a service fill.

use std::sync::Arc;

use async_trait::async_trait;
use kest_baggage::{InMemoryPassports, PackError, Tier, Tiers, packed_once};
use kest_core::policy::dangerous_allow_all;
use kest_core::{
    Admission, AdmitOptions, Arrival, Attested, Authenticate, AuthenticateError, Evidence, Identity,
    IdentitySource, Limits, Lineage, Operation, authenticate,
};
use kest_tests::keys;

/// Vouches for one user.
#[derive(Debug)]
struct Is(&'static str, usize);

#[async_trait]
impl Authenticate for Is {
    async fn attest(&self, _: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let identity = Identity::default().with_user(format!("{}{}", self.0, self.1));
        Ok(Attested::new(identity, IdentitySource::Jwt).with_issuer("https://issuer.example"))
    }
}

/// An operation for a user, and one inside of it: what goes out is the inner one's, on the user's account.
async fn call(user: &'static str, number: usize) -> Admission {
    let caller = authenticate(&Is(user, number), &Evidence::new(&Lineage::Absent)).await.unwrap();
    let arrival = Arrival::new(Lineage::Absent, caller);
    let (kest, policy) = (keys::kest("gateway"), dangerous_allow_all());
    let operation = Operation::named("call").unwrap();
    let outer = kest.admit(&arrival, &operation, &policy, AdmitOptions::default()).await.unwrap();
    outer.operation(Operation::named("step").unwrap()).admit(&policy).await.unwrap()
}

/// Attack: 580 calls of one caller, each with a lineage that fits no header, fill the store for five minutes.
#[tokio::test]
async fn flood_of_claims_by_one_caller_leaves_room_for_the_lineages_of_others() {
    let mut limits = Limits::default();
    limits.passport_store_bytes = 400_000;
    let store = Arc::new(InMemoryPassports::new(&limits));
    let tiers = Tiers::auto().threshold(0).store(Arc::clone(&store));
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..580 {
        match packed_once(&call("flooder", 0).await, &tiers).await {
            Ok(header) => {
                assert_eq!(header.tier(), Some(Tier::ClaimCheck));
                kept += 1;
            }
            Err(PackError::PassportStore(cause)) if cause.is_share_full() => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(kept > 10 && refused > 400 && kept + refused == 580, "{kept} {refused}");
    for good in 0..40 {
        packed_once(&call("good", good).await, &tiers).await.unwrap();
    }
    assert_eq!(store.len(), kept + 40);
}
