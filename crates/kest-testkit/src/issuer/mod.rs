//! An issuer of tokens on loopback: real HTTP, keys that rotate, and outages when a test wants them.

mod endpoint;
mod test_issuer;
mod token;

pub use endpoint::{Answer, Endpoint, Length, key_set};
pub use test_issuer::TestIssuer;
pub use token::TestToken;
