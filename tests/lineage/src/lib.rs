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
    ($setup:expr) => {
        $crate::matrix! {
            $setup;
            plain_call_continues_the_lineage => Plain,
            call_in_the_current_span_continues_the_lineage => InCurrentSpan,
            call_in_a_span_of_its_own_continues_the_lineage => Instrument,
            call_under_another_parent_span_continues_the_lineage => ParentSpan,
            spawned_call_is_refused_unless_it_has_the_ambience => Spawn,
            call_from_a_streamed_body_continues_the_lineage => StreamedBody,
            every_attempt_of_a_retry_continues_the_lineage => Retry,
            redirect_keeps_the_lineage_on_its_origin => Redirect,
            unlisted_host_gets_nothing_of_ours => UnlistedHost,
        }
    };
    ($setup:expr; $($name:ident => $cell:ident,)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::Cell::run($crate::Cell::$cell, $setup).await;
            }
        )+
    };
}
