//! An issuer of tokens on loopback: real HTTP, keys that rotate, and outages when a test wants them.

mod server;
mod test_issuer;
mod token;

pub use server::{HttpAnswer, Length, TestServer, key_set};
pub use test_issuer::TestIssuer;
pub use token::TestToken;
