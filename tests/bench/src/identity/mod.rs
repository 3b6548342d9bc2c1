//! Who is calling: what a token costs, and what good callers notice of an issuer that hangs and of a flood of bad ones.

mod flood;
mod issuer;
mod trouble;
mod validations;

pub(crate) use issuer::Issuer;
pub(crate) use trouble::measure as in_trouble;
pub(crate) use validations::measure as validations;
