//! Where claims are kept, and how: one store or two, plain or sealed.

mod fallback;
mod pair;
mod place;

pub use fallback::Fallback;
pub(crate) use pair::{StorePair, Unanswered, WhichStore};
pub use place::PassportStores;
pub(crate) use place::Place;
