//! Entries that are forged today, and headers that carry them.

pub use kest_testkit::Forge;
pub use kest_testkit::header::{array, compressed, deflate, escape, inline, tip};

use crate::clock::today;

/// An honest entry of `name` number `number` that follows `parents`, signed when this process began: see
/// [`Forge::entry`].
pub fn entry(name: &str, number: u16, parents: &[&str]) -> Forge {
    Forge::entry(&today(), name, number, parents)
}
