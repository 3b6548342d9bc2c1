//! Both stores against a real server, by the name of what goes wrong.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may")]

mod claims;
#[cfg(feature = "cluster")]
mod cluster;
mod counted;
mod fence;
mod login;
mod nonces;
mod outages;
mod refused;
mod replays;
mod rig;
mod shares;
#[cfg(feature = "tls")]
mod tls;
