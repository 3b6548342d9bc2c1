//! Runs the built program as people and scripts do: arguments and input in, exit code and output out.
#![cfg(test)]

mod audit;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod audit_places;
mod bundle;
mod canonicalize;
mod explain;
mod explain_requests;
mod graph;
mod inspect;
mod jsonl;
mod keygen;
mod keys;
mod policy;
mod store;
mod support;
mod verify;
mod view;
mod view_page;
