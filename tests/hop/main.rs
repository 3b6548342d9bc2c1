//! Hop proofs over real HTTP: what is signed is what arrives, whichever client and protocol is between.
#![cfg(test)]

mod replicas;
mod reqwest_client;
mod tower_client;
mod witness;
