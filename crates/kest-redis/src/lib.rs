//! Claim checks and replay protection for many replicas, on Redis or Valkey.
//!
//! A passport that is too long for a header lies in a [`PassportStore`](kest_baggage::PassportStore) that every replica of
//! every service reaches, and identifiers that must not be used twice in a [`ReplayStore`](kest_core::ReplayStore) that
//! all replicas of a service share. Both are made of one bounded [connection](Redis):
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use kest_baggage::PassportStore;
//! use kest_core::ReplayStore;
//! use kest_redis::{Redis, ReplaySettings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let redis = Redis::builder("redis://cache.example:6379").login("orders", "secret").connect().await?;
//! let claims: Arc<dyn PassportStore> = Arc::new(redis.passports());
//! let replays = redis.replays(ReplaySettings::new());
//! replays.begin().await?;
//! let replays: Arc<dyn ReplayStore> = Arc::new(replays);
//! # drop((claims, replays));
//! # Ok(())
//! # }
//! ```
//!
//! # What is checked
//!
//! Every fresh connection, the first and each one after an outage, before anything else is sent over it: the server is
//! Redis 7.0 or Valkey, or later; it is a primary; its `maxmemory-policy` is `noeviction`. A claim that is evicted
//! takes a passport with it, and an identifier that is evicted can be used again.
//!
//! # Limits and caveats
//!
//! Commands under way, commands that wait, and the time of each are bounded by the [`RedisBuilder`]. No command is sent
//! twice. While there is no connection, every call fails at once; a new one is made in the background.
//!
//! After a restart or a failover of Redis, identifiers that may have been used before are refused for a while: see
//! [`RedisReplays`]. Two primaries at the same time, each of which takes itself for the only one, are not noticed, nor
//! is a server whose whole machine was set back to an earlier state, nor one whose clock is set forward, which ends
//! everything on it before its time.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod builder;
#[cfg(feature = "cluster")]
mod cluster;
mod command_error;
mod connect_error;
mod connection;
mod health;
mod ledger;
mod link;
mod passports;
mod replays;
mod settings;
pub mod telemetry;

pub use address::AddressError;
pub use builder::RedisBuilder;
pub use command_error::CommandError;
pub use connect_error::ConnectError;
pub use connection::Redis;
pub use health::{RedisHealth, ServerHealth};
pub use passports::RedisPassports;
pub use replays::{RedisReplays, ReplaySettings};
