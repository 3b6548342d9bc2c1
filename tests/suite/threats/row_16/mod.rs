//! Two callers who differ in one thing only, and decisions that are remembered for an hour: they never share one.
//!
//! `is_root` alone cannot differ, since a lineage without entries is a root and one with entries is not; and the
//! workload and the trust score stand twice in the document, as the specification keeps them. Everything else is
//! changed by itself, and each test proves from the two documents that nothing else did.

mod chain;
mod concurrent;
mod environment;
mod errors;
mod judge;
mod object;
mod subject;
