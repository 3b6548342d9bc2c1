//! The key cache under floods, hangs, panics, cancellation and a clock that misbehaves.

mod fetches;
mod flood;
mod health;
mod outage;
mod refresh;
pub(crate) mod rig;
mod rotation;
mod waiting;
