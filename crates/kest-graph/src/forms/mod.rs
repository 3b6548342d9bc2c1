//! The forms of a picture: one layout and one account of each entry, written down for different readers.

mod dot;
mod lanes;
mod mermaid;
mod place;
mod svg;
mod text;

pub(crate) use dot::dot;
pub(crate) use mermaid::mermaid;
pub(crate) use svg::{escaped, svg};
pub(crate) use text::{Letters, header, text};
