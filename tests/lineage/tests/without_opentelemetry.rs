//! Who is in the lineage that arrives, in a process with no OpenTelemetry.

use kest_lineage::{Setup, matrix};

matrix!(Setup::WithoutOpenTelemetry);
