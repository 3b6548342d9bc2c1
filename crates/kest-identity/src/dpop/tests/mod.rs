//! Proofs of possession and bound tokens: what is accepted, and every attack by name.

mod nonces;
mod proofs;
mod replays;
mod rig;
mod settings;
mod tokens;
