//! Stolen tokens, stolen proofs and borrowed certificates, against the real layers over loopback HTTP and mutual TLS.

mod api;
mod authority;
mod certificates;
pub(crate) mod holder;
mod mutual;
mod nests;
mod peers;
mod proofs;
mod replays;
