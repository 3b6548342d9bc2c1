//! `kest bundle`: joins public keys into one trust bundle, and compares it with one that is there.

mod compare;
mod join;

pub(crate) use join::{JoinError, run};
