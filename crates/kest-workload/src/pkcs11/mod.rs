//! Entries are signed with a key that stays in a token: an HSM, a smart card, or `SoftHSM`, through PKCS #11.
//!
//! [`Pkcs11Key`] says how a service uses one.

mod error;
mod key;
mod module;
mod pin;
mod seat;
mod settings;
mod token;

pub use error::Pkcs11Error;
pub use key::Pkcs11Key;
pub use pin::PinSource;
pub use settings::{KeyName, Pkcs11Settings, TokenName};
