//! Keys over HTTP, within bounds and from nowhere else: at a fixed URI, or where the issuer's metadata say.

mod addresses;
mod builder;
mod client;
mod discovery;
mod keys;
mod uri;

pub use builder::{HttpKeysBuilder, HttpKeysError};
pub use keys::HttpKeys;
