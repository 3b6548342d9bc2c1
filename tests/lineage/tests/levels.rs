//! Who is in the lineage that arrives, whatever a log level leaves of the spans.

use kest_lineage::{Cell, Setup};

const FILTERS: [&str; 8] = [
    "off",
    "error",
    "warn",
    "info",
    "debug",
    "trace",
    // Single spans: those of the server or of the client alone, and those of ours.
    "info,kest_lineage=off",
    "off,kest_core=trace,kest_tower=trace,kest_reqwest=trace",
];

async fn check(setup: Setup) {
    for filter in FILTERS {
        for cell in [Cell::Plain, Cell::InCurrentSpan, Cell::Instrument, Cell::ParentSpan, Cell::StreamedBody]
        {
            cell.run_filtered(setup, filter).await;
        }
    }
}

#[tokio::test]
async fn log_level_does_not_change_the_lineage() {
    check(Setup::OpenTelemetryWithBaggage).await;
}
