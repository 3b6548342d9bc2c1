//! `kest explain`: what a service that is configured like this would say to a request, step by step, and the mend.

mod account;
mod clock;
mod flags;
mod request;
mod service;
mod told;

pub(crate) use flags::Explain;
pub(crate) use service::{ExplainError, run};
