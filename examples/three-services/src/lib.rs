//! The parts of the demonstration: a token issuer, a service that calls the next, and attacks on both.

pub mod answer;
pub mod attacks;
mod audit_log;
mod call;
pub mod demo;
pub mod flags;
pub mod hop;
pub mod issuer;
mod log;
pub mod serve;
mod show;
pub mod stack;
mod store_flags;
mod thefts;
mod trusted;
mod wiretap;
