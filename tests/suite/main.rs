//! The suite: what the whole promises, tried against the real layers over real HTTP.

mod architecture;
mod grpc;
mod guard;
mod outbound;
mod properties;
mod services;
mod specification;
mod threats;
mod vectors;
