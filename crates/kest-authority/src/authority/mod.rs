//! The authority: what it gives out and takes back, step by step.

mod builder;
mod bundle;
mod enrol;
mod evidence;
mod issue;
mod renew;
mod state;
mod tickets;
mod token;
mod upkeep;

pub use builder::AuthorityBuilder;
pub use bundle::SignedBundle;
pub use evidence::TokenSource;
pub use state::Authority;
