//! A controller and its executors, with identities that an authority issues: each part is a process of its own.
//!
//! The parts are made to be read beside one another: [`authority`] issues, [`controller`] answers each executor under its own
//! path alone, [`executors`] beat, poll and report, and [`demo`] lets time, failures and thieves at them.

pub mod authority;
pub mod controller;
pub mod demo;
pub mod executors;
pub mod operator;
pub mod process;
pub mod stopping;
pub mod thefts;
