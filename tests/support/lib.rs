//! The rig of the suite: seeded keys, clocks that tests own, forged entries, services on loopback, raw HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    clippy::exhaustive_enums,
    reason = "a rig that cannot be set up must end the test, at the line that failed; only tests build on it"
)]

pub mod cedar_agent;
pub mod clock;
pub mod edge;
pub mod forge;
pub mod keys;
pub mod logs;
pub mod opa;
pub mod programs;
pub mod raw;
pub mod service;
pub mod stores;
pub mod tokens;
pub mod vectors;
