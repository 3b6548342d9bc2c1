//! Keeps what others publish at hand: fetched within bounds, one fetch at a time, refreshed before it grows stale.

mod fetch_task;
mod keeper;
mod progress;
mod refresher;
mod schedule;
mod shared;
mod source;
mod unknown;

pub(crate) use refresher::{Missed, Refresher, Unavailable};
pub(crate) use schedule::Schedule;
pub(crate) use shared::{Shared, Snapshot};
pub(crate) use source::{NoAnswer, Previous, Refusal, Source};
