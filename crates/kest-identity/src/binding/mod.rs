//! Asks the presenter of a token that is bound to a key to prove that the key is theirs.

mod challenge;
mod compare;
mod confirm;
mod confirmations;
mod error;
mod htu;
mod nonce;
mod proof;
mod proof_key;
mod proofs;
mod settings;

pub(crate) use challenge::BindingAnswer;
pub(crate) use confirm::{Binding, Presented};
pub use error::{BindingError, InvalidProof, WrongBinding};
pub(crate) use proofs::Proofs;
pub use settings::{DpopSettings, DpopSettingsError, Requirement};

#[cfg(test)]
mod tests;
