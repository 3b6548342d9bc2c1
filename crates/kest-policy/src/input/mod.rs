//! The one document that every engine is asked about, and its canonical form.

mod document;
mod request;

pub use document::{Chain, Environment, History, Input, InputError, Object, Subject};
pub(crate) use request::{Asked, Common};

#[cfg(test)]
pub(crate) mod tests;
