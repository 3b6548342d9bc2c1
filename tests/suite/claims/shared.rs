//! A real Redis that several services share, and into which an attacker can write.

use std::sync::Arc;

use kest_baggage::{ClaimCheck, PassportStore, PassportStores, Sealing};
use kest_redis::Redis;
use kest_servers::redis::RedisServer;

/// The server, and a service's way to it.
pub(crate) struct SharedRedis {
    pub(crate) server: RedisServer,
    redis: Redis,
}

impl SharedRedis {
    pub(crate) async fn new() -> Self {
        let server = RedisServer::start().await;
        let redis = Redis::builder(server.url()).connect().await.unwrap();
        Self { server, redis }
    }

    /// The store as one replica has it, over a connection that all of this test share.
    pub(crate) fn store(&self) -> Arc<dyn PassportStore> {
        Arc::new(self.redis.passports())
    }

    /// Another replica's connection.
    pub(crate) async fn replica(&self) -> Arc<dyn PassportStore> {
        Arc::new(Redis::builder(self.server.url()).connect().await.unwrap().passports())
    }

    pub(super) fn claims(&self, sealing: Sealing) -> PassportStores {
        PassportStores::sealed(self.store(), sealing)
    }

    /// What lies there, read past our own code.
    pub(crate) async fn value(&self, claim: &ClaimCheck) -> String {
        let value = self.server.ask(&["GET", &claim.store_key()]).await;
        assert!(!value.is_empty());
        value
    }

    /// Writes it past our own code, whatever was there.
    pub(crate) async fn plant(&self, claim: &ClaimCheck, value: &str) {
        assert_eq!(self.server.ask(&["SET", &claim.store_key(), value, "EX", "300"]).await, "OK");
    }
}
