//! A Cedar agent as a sidecar, asked over its REST API: only `Allow` without an error is a yes.
//!
//! The agent evaluates all its policies together, so a name is told apart by the action:
//!
//! ```cedar
//! permit (principal, action == Kest::Action::"kest/trust_threshold", resource)
//! when { context.subject.trust_score >= 40 };
//! ```
//!
//! The principal is `Kest::Workload::"<this service>"`, the resource `Kest::Resource::"<id>"`, or `"*"` when the
//! operation acts on nothing in particular. The context is the input document; lists are sets, nulls are left out.
//! Attributes that Cedar would read as something else than data, and numbers that are no 64-bit integers, are not
//! sent: the policy counts as failed.
//!
//! **What the agent is trusted with.** A `permit` there that names no action says yes to every name asked here, which
//! is what files for the `cedar` feature do, where each name is evaluated on its own. Give every `permit` its
//! action before it goes to the agent.
//!
//! ```no_run
//! use kest_policy::cedar_agent::CedarAgent;
//! # async fn start() -> Result<CedarAgent, kest_policy::cedar_agent::ConnectError> {
//! CedarAgent::builder("http://127.0.0.1:8180").policies(["kest/trust_threshold"]).connect().await
//! # }
//! ```
//!
//! Whatever is asked ends within `Limits::policy_wait`, is never asked twice, and takes no more memory than
//! `Limits::policy_answer_bytes`. When the agent is given other policies, decisions that are remembered here stay in
//! use until their time is over.

mod builder;
mod engine;
mod question;

pub use builder::CedarAgentBuilder;
pub use engine::CedarAgent;

pub use crate::remote::{ConnectError, RemoteConfigError, Secret};
