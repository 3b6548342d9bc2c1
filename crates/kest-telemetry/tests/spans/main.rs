//! What is exported about requests: read back from a file, as a collector gets it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

mod crossing;
mod grpc;
mod lines;
mod naming;
mod operations;
mod outages;
mod rig;
