//! Runs the built program as people and scripts do: arguments and input in, exit code and output out.
#![cfg(test)]

mod bundle;
mod canonicalize;
mod claims;
mod inspect;
mod jsonl;
mod keygen;
mod keys;
mod policy;
mod support;
mod verify;
