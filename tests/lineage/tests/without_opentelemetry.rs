//! Who is in the lineage that arrives, in a process with no OpenTelemetry.

use kest_lineage::{Cell, Setup, matrix};

matrix! {
    Setup::WithoutOpenTelemetry,
    plain_call_continues_the_lineage => Cell::Plain,
    call_in_the_current_span_continues_the_lineage => Cell::InCurrentSpan,
    call_in_a_span_of_its_own_continues_the_lineage => Cell::Instrument,
    call_under_another_parent_span_continues_the_lineage => Cell::ParentSpan,
    spawned_call_is_refused_unless_it_has_the_ambience => Cell::Spawn,
    call_from_a_streamed_body_continues_the_lineage => Cell::StreamedBody,
    every_attempt_of_a_retry_continues_the_lineage => Cell::Retry,
    redirect_keeps_the_lineage_on_its_origin => Cell::Redirect,
    unlisted_host_gets_nothing_of_ours => Cell::UnlistedHost,
}
