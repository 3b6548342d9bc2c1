//! What stands beside a service's layers and goes by its limits and clock: stores, and what reads tokens.

use std::sync::Arc;

use kest_baggage::{InMemoryPassports, PassportStores};
use kest_core::replay::InMemoryReplays;
use kest_identity::{JwtAuthenticator, JwtAuthenticatorBuilder};
#[cfg(feature = "redis")]
use kest_redis::{Redis, RedisBuilder};

use crate::service::Kest;

impl Kest {
    /// Begins what reads this issuer's tokens for its [inbound layers](Self::inbound), by its limits, clock and source of
    /// random bytes.
    ///
    /// ```no_run
    /// # use kest::prelude::*;
    /// # fn service(kest: &Kest) -> Result<kest::InboundLayer, Box<dyn std::error::Error>> {
    /// let jwt = kest.jwt_builder().issuer("https://issuer.example").audience("shop").build()?;
    /// # Ok(kest.inbound(jwt)) }
    /// ```
    pub fn jwt_builder(&self) -> JwtAuthenticatorBuilder {
        JwtAuthenticator::builder()
            .limits(self.limits().clone())
            .clock(Arc::clone(self.clock()))
            .random(Arc::clone(self.0.service.random()))
    }

    /// An empty store of passports in this process, with its limits and clock: for one replica, tests and demonstrations.
    #[must_use]
    pub fn in_memory_passports(&self) -> InMemoryPassports {
        InMemoryPassports::with_clock(self.limits(), Arc::clone(self.clock()))
    }

    /// An empty memory of used identifiers in this process, with its limits and clock, for what shares one.
    #[must_use]
    pub fn in_memory_replays(&self) -> InMemoryReplays {
        InMemoryReplays::with_clock(self.limits(), Arc::clone(self.clock()))
    }

    /// Begins a connection to Redis, for the passports and the used identifiers that replicas share, with its limits and
    /// clock.
    ///
    /// ```no_run
    /// # use kest::prelude::*;
    /// # async fn start(kest: Kest) -> Result<(), Box<dyn std::error::Error>> {
    /// let redis = kest.redis("redis://cache.internal:6379").login("orders", "secret").connect().await?;
    /// let kest = kest.with_passport_store(redis.passports());
    /// # drop(kest); Ok(()) }
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(&self, address: impl Into<String>) -> RedisBuilder {
        Redis::builder(address).limits(self.limits()).clock(Arc::clone(self.clock()))
    }

    /// The same service, which keeps passports that fit no header in `store` and redeems claim checks there: a store alone,
    /// or [`PassportStores`]. Layers and clients that were made before go on without it.
    #[must_use]
    pub fn with_passport_store(self, store: impl Into<PassportStores>) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        let store = store.into().default_clock(Arc::clone(parts.service.clock()));
        parts.tiers = parts.tiers.store(store.clone());
        parts.store = Some(store);
        Self(Arc::new(parts))
    }
}
