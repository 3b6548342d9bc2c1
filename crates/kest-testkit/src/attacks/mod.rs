//! The attacks of `docs/threats.md` on a router of your own, each by name.

mod attack;
mod headers;
mod honest;
mod hops;
mod passports;
mod play;
mod proofs;
mod report;
mod request;
mod seen;
mod signed;
mod tokens;

pub use play::{Attacks, attacks};
pub use report::{Outcome, Report};
pub use request::Requests;
