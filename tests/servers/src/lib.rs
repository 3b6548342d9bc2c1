//! Real programs that tests hold ours against: started on free ports, and ended with the test that started them.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test without its server has failed")]

pub mod browser;
pub mod issuer;
pub mod node;
pub mod postgres;
pub mod proxies;
pub mod redis;
