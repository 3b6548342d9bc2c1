//! Keys over HTTP, within bounds and from nowhere else: at a fixed URI, or where the issuer's metadata say.

mod builder;
mod client;
mod discovery;
mod keys;

pub use builder::{HttpKeysBuilder, HttpKeysError};
pub use keys::HttpKeys;
