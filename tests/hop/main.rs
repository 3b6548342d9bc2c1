//! Hop proofs over real HTTP: what is signed is what arrives, whichever client and protocol is between.
#![cfg(test)]

mod incoming;
mod replicas;
mod reqwest_client;
mod tower_client;
mod witness;
