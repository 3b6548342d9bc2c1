//! The identity of a service: enrolled with an authority, renewed while it runs, and proved over mutual TLS.
//!
//! [`protocol`] is what a service and its authority say to each other.
//!
//! ```
//! use kest_workload::protocol::Epoch;
//!
//! assert!(Epoch::FIRST < Epoch::FIRST.next());
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod proof;
pub mod protocol;
mod ticket;
