//! The keys of an authority: made once, kept in one private file, replaced with overlap while the authority runs.

mod authority_keys;
mod error;
mod file;
mod root;
mod set;

pub use authority_keys::AuthorityKeys;
pub use error::KeysError;
pub use set::{KeyKind, KeyState};

pub(crate) use root::Root;
pub(crate) use set::{KeySet, TokenKey};
