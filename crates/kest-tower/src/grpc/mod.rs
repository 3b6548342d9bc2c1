//! gRPC: one layer for the methods of a service, and refusals that its clients can read.
//!
//! [`GrpcLayer`] names operations by their methods, as [`Operation::from_grpc_path`](kest_core::Operation::from_grpc_path) does. All
//! layers of this crate notice a request of gRPC by its content type, and answer a refused one with status 200 and a `grpc-status`, as
//! a response of trailers only. With the feature `tonic` the services that they make keep the name of a tonic service.

mod methods;
#[cfg(feature = "tonic")]
mod named;
mod protocol;

pub use methods::{Grpc, GrpcLayer, GrpcLayerError};
pub(crate) use protocol::{GRPC_STATUS, Protocol};
