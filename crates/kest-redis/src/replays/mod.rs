//! Identifiers on Redis, each accepted at most once, also when Redis loses its memory.

mod script;
mod settings;
mod store;

pub use settings::ReplaySettings;
pub use store::RedisReplays;
