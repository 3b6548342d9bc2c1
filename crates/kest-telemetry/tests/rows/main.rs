//! What is exported into a SQLite file: read back as others read it, while it is written.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]
#![expect(clippy::doc_markdown, reason = "SQLite is a name and no code")]

mod bounds;
mod disk;
mod rig;
mod written;
