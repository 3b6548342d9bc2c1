//! Proofs of possession by `DPoP` (RFC 9449): a signed header for each request, used once.

mod htu;
mod nonce;
mod proof;
mod proof_key;
mod proofs;
mod settings;

pub(crate) use proofs::{BoundToken, Proofs};
pub use settings::{DpopSettings, DpopSettingsError, Requirement};

#[cfg(test)]
mod tests;
