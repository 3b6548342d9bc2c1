//! Says how tolerant a reader of passports and headers is.

/// The dialect that a reader accepts; writers have only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// The protocol as written: encoded members, one tier, signed sanitizers, `trace_id` on every entry.
    #[default]
    Strict,
    /// What the first Python implementation puts on the wire is accepted too: raw arrays, padded base64, stale
    /// members of a tier it no longer uses, no sanitizer reasons. Signatures, links and schema hold all the same.
    LegacyPython,
}
