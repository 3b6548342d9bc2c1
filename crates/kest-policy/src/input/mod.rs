//! The one document that every engine is asked about, and its canonical form.

mod document;
mod inquire;

pub use document::{Chain, Environment, History, Input, InputError, Object, Subject};
pub(crate) use inquire::{Asked, Common};

#[cfg(test)]
pub(crate) mod tests;
