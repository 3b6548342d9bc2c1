//! Remembers what was used once, so that it is not used twice.

mod in_memory;
mod store;

pub use in_memory::InMemoryReplays;
pub use store::{Novelty, ReplayId, ReplayStore, ReplayStoreError};
