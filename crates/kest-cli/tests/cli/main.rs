//! Runs the built program as people and scripts do: arguments and input in, exit code and output out.
#![cfg(test)]

mod audit;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod audit_places;
#[cfg(all(feature = "authority", feature = "postgres"))]
mod authority;
#[cfg(all(feature = "authority", feature = "postgres"))]
mod authority_guide;
#[cfg(all(feature = "authority", feature = "postgres"))]
mod authority_keys;
#[cfg(all(feature = "authority", feature = "postgres"))]
mod authority_serve;
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
