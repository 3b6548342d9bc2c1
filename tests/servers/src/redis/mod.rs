//! `redis-server` for tests: on a free port, in a folder of its own, killed and paused at will, gone with its test.

mod cluster;
mod server;
mod settings;

pub use cluster::RedisCluster;
pub use server::{Memory, RedisServer};
pub use settings::RedisSettings;
pub(crate) use settings::{certify, free_port, new_folder};
