//! OPA as a sidecar, asked over its REST API: one policy a question, and only the JSON value `true` is a yes.
//!
//! A policy is called by its path below `/v1/data`, which is its package with `/` for `.`. Its document must hold the
//! decision at `result.allow`, or wherever [`OpaBuilder::decision_path`] says.
//!
//! ```no_run
//! use kest_policy::opa::Opa;
//! # async fn start() -> Result<Opa, kest_policy::opa::ConnectError> {
//! Opa::builder("http://127.0.0.1:8181").policies(["kest/trust_threshold"]).connect().await
//! # }
//! ```
//!
//! Whatever is asked ends within `Limits::policy_wait`, is never asked twice, and takes no more memory than
//! `Limits::policy_answer_bytes`. When OPA is given other policies, decisions that are remembered here stay in use
//! until their time is over.

mod builder;
mod engine;

pub use builder::OpaBuilder;
pub use engine::Opa;

pub use crate::remote::{ConnectError, RemoteConfigError, Secret};
