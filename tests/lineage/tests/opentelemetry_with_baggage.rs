//! Who is in the lineage that arrives, in a process with OpenTelemetry and its default propagators, of which one writes baggage.

use kest_lineage::{Setup, matrix};

matrix!(Setup::OpenTelemetryWithBaggage);
