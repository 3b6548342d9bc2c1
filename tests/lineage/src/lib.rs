//! Who is in the lineage that arrives, under every tracing setup, however the call is made.
//!
//! A caller with a lineage of its own (`edge`) calls `front`, whose handler calls on to `back`, with clients that carry
//! passports, below retries, tracing and other people's baggage. `back` verifies what arrives and says whose entries it
//! has; `elsewhere` is on no list and must get nothing of ours.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::exhaustive_enums,
    reason = "helpers of tests, which end the test at the line that failed"
)]

mod cells;
mod clients;
mod recorder;
mod services;
mod setup;
mod stream;

pub use cells::Cell;
pub use clients::{TwoClients, carrying, originating};
pub use recorder::{Recorder, Seen};
pub use services::{Front, edge, kest, ring};
pub use setup::Setup;
pub use stream::streaming;

/// One test for each way of making a call, under one setup: such a setup is one for the whole process.
#[macro_export]
macro_rules! matrix {
    ($setup:expr, $($name:ident => $cell:expr),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::Cell::run($cell, $setup).await;
            }
        )+
    };
}
