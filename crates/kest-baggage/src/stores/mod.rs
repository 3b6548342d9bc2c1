//! Where claims are kept, and how: one store or two, plain or sealed.

mod overflow;
mod place;
mod shelves;

pub use overflow::Overflow;
pub use place::PassportStores;
pub(crate) use place::Place;
pub(crate) use shelves::{Shelf, Shelves, Unanswered};
