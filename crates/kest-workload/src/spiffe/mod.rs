//! The identity comes from an agent of the SPIFFE Workload API, SPIRE's for instance, which pushes each next certificate.
//!
//! [`SpiffeWorkload`] says how a service uses one.

mod agent;
mod builder;
mod entry_keys;
mod fault;
mod follow;
mod material;
mod workload;

pub use builder::{SpiffeBuilder, SpiffeStartError};
pub use entry_keys::EntryKeys;
pub use fault::AgentFault;
pub use workload::{SpiffeHealth, SpiffeWorkload};
