//! The one document that every engine is asked about, and its canonical form.

pub(crate) mod document;
mod request;
pub(crate) mod schema;

pub use document::{Chain, Environment, History, Input, InputError, Object, Subject};
pub(crate) use request::{Asked, Common};
pub use schema::{Form, Member, Presence, Record};

#[cfg(test)]
pub(crate) mod tests;
