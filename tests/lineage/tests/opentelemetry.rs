//! Who is in the lineage that arrives, in a process with OpenTelemetry and its trace context propagator.

use kest_lineage::{Setup, matrix};

matrix!(Setup::OpenTelemetry);
