//! Tiers, deviations and replacement of a set of policies, seen through the steps that a service takes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail loudly")]

mod configuration;
mod deviations;
mod metrics;
mod reloads;
mod rig;
mod tiers;
#[cfg(test)]
mod watches;
