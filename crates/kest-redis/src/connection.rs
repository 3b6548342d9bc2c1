//! The shared connection that both stores ask through.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kest_core::Clock;
use redis::{Cmd, Value};

#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::health::ServerHealth;
use crate::link::{Gate, Node};
use crate::settings::Settings;
use crate::{
    CommandError, ConnectError, RedisBuilder, RedisHealth, RedisPassports, RedisReplays, ReplaySettings,
    telemetry,
};

/// A connection to one server or to a cluster, shared by all stores made of it and by all its clones.
///
/// It is kept in the background until the last of them is dropped.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    servers: Servers,
    gate: Gate,
    settings: Arc<Settings>,
}

enum Servers {
    One(Node),
    #[cfg(feature = "cluster")]
    Many(Cluster),
}

impl Redis {
    /// Settings for a connection to `address`, such as `redis://user:password@cache.example:6379/0`; `rediss` is
    /// encrypted and takes the feature `tls`, and `valkey` and `valkeys` mean the same two.
    pub fn builder(address: impl Into<String>) -> RedisBuilder {
        RedisBuilder::new(address.into())
    }

    /// Claim checks of any replica of any service.
    #[must_use]
    pub fn passports(&self) -> RedisPassports {
        RedisPassports::new(self.clone())
    }

    /// Identifiers that were used, shared by all replicas; they must all have the same `settings`.
    #[must_use]
    pub fn replays(&self, settings: ReplaySettings) -> RedisReplays {
        RedisReplays::new(self.clone(), settings)
    }

    /// Waits until there is a checked connection to every server that is known; as long as it takes, so bound it.
    pub async fn ready(&self) {
        match &self.0.servers {
            Servers::One(node) => node.ready().await,
            #[cfg(feature = "cluster")]
            Servers::Many(cluster) => cluster.ready().await,
        }
    }

    /// How the connection fares.
    #[must_use]
    pub fn health(&self) -> RedisHealth {
        let servers = match &self.0.servers {
            Servers::One(node) => vec![ServerHealth::of(node)],
            #[cfg(feature = "cluster")]
            Servers::Many(cluster) => cluster.nodes().iter().map(|node| ServerHealth::of(node)).collect(),
        };
        RedisHealth { servers, in_flight: self.0.gate.in_flight(), waiting: self.0.gate.waiting() }
    }

    pub(crate) async fn connect(settings: Settings) -> Result<Self, ConnectError> {
        let settings = Arc::new(settings);
        #[cfg(feature = "cluster")]
        if settings.clustered() {
            let cluster = Cluster::connect(Arc::clone(&settings)).await?;
            return Ok(Self::over(Servers::Many(cluster), settings));
        }
        let address = settings.addresses.first().ok_or(ConnectError::NotYet)?;
        let node = Node::connect(address.clone(), Arc::clone(&settings)).await?;
        Ok(Self::over(Servers::One(node), settings))
    }

    pub(crate) fn lazily(settings: Settings) -> Result<Self, ConnectError> {
        let settings = Arc::new(settings);
        #[cfg(feature = "cluster")]
        if settings.clustered() {
            let cluster = Cluster::lazily(Arc::clone(&settings));
            return Ok(Self::over(Servers::Many(cluster), settings));
        }
        let address = settings.addresses.first().ok_or(ConnectError::NotYet)?;
        let node = Node::lazily(address.clone(), Arc::clone(&settings));
        Ok(Self::over(Servers::One(node), settings))
    }

    fn over(servers: Servers, settings: Arc<Settings>) -> Self {
        let gate = Gate::new(settings.in_flight, settings.waiting, settings.queue_timeout);
        Self(Arc::new(Inner { servers, gate, settings }))
    }

    /// Sends `command`, which concerns `key`, once it is its turn. It is counted as `name`.
    pub(crate) async fn run(
        &self,
        name: &'static str,
        key: &str,
        command: &Cmd,
    ) -> Result<Value, CommandError> {
        let clock = &self.0.settings.clock;
        let began = clock.now();
        let answer = self.run_in_turn(key, command).await;
        let took = clock.now().duration_since(began).unwrap_or(Duration::ZERO);
        telemetry::asked(name, took, answer.as_ref().err());
        answer
    }

    #[cfg_attr(not(feature = "cluster"), expect(unused_variables, reason = "one server holds every key"))]
    async fn run_in_turn(&self, key: &str, command: &Cmd) -> Result<Value, CommandError> {
        let _permit = self.0.gate.enter().await?;
        match &self.0.servers {
            Servers::One(node) => node.run(command).await,
            #[cfg(feature = "cluster")]
            Servers::Many(cluster) => cluster.run(key, command).await,
        }
    }

    /// Over how many servers keys are spread.
    pub(crate) fn servers(&self) -> usize {
        match &self.0.servers {
            Servers::One(_) => 1,
            #[cfg(feature = "cluster")]
            Servers::Many(cluster) => cluster.nodes().len().max(1),
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.settings.clock
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redis").field("addresses", &self.0.settings.addresses).finish_non_exhaustive()
    }
}
