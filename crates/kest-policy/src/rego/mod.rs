//! Rego in this process: a policy is a package, and its verdict is the rule `allow`.
//!
//! `package kest.trust_threshold` is the policy `kest/trust_threshold`. It says yes when its rule `allow` is the
//! boolean `true`; undefined, `"true"`, `1`, a set or an object are a no. Packages without `allow` are libraries for others.
//!
//! ```
//! use kest_core::Limits;
//! use kest_core::entry::PolicyName;
//! use kest_policy::rego::Rego;
//! use kest_policy::{Engine, Input, Source, Verdict};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = Limits::default();
//! let policies = Rego::compile(
//!     &[
//!         Source::text(
//!             "orders.rego",
//!             "package shop.orders\nimport data.shop.staff\nallow if staff.may_read(input.subject)\n",
//!         ),
//!         Source::text("staff.rego", "package shop.staff\nmay_read(who) if \"clerk\" in who.roles\n"),
//!     ],
//!     &limits,
//! )?;
//! assert_eq!(policies.names(), [PolicyName::new("shop/orders")?]);
//!
//! let clerk = r#"{
//!     "chain": {"operations": [], "principals": [], "resources": [], "users": []},
//!     "environment": {"active_deviations": [], "hop_proof": "none", "is_root": true, "operation": "read", "policy_names": ["shop/orders"],
//!                     "policy_tier": "function", "source_type": null},
//!     "identity": "spiffe://example.org/orders",
//!     "object": {"attributes": {}, "id": "order-7"},
//!     "subject": {"agent": null, "identity_source": "jwt", "issuer": "https://issuer.example", "roles": ["clerk"],
//!                 "scopes": [], "taints": [], "task": null, "tenant": null, "trust_score": 100,
//!                 "user": "alice", "workload": "spiffe://example.org/orders"},
//!     "trust_score": 100}"#;
//! let input = Input::from_json(clerk.as_bytes(), &limits)?;
//! assert_eq!(policies.evaluate(&PolicyName::new("shop/orders")?, &input).await?, Verdict::Allow);
//!
//! // A clock would make the same input a yes now and a no later.
//! let timed = Source::text("timed.rego", "package shop.timed\nallow if time.now_ns() > 0\n");
//! let refused = Rego::compile(&[timed], &limits).unwrap_err().to_string();
//! assert!(refused.starts_with("timed.rego:2: is not valid: calls time.now_ns"), "{refused}");
//! # Ok(())
//! # }
//! ```
//!
//! # An error is no yes
//!
//! A built-in function that errs and a rule with two values fail the whole policy, also inside of `not`: nothing is
//! evaluated as if it were undefined because it went wrong. What is undefined all the same is refused when it can be
//! seen beforehand: a name below `data` that no module defines, a member that the input does not have. Errors of an
//! evaluation name file and line and quote no value.
//!
//! # Limits and caveats
//!
//! - Rego v1 only, and no data documents: policies decide by the input and by nothing else. What differs between two
//!   evaluations of the same input, reaches outside or writes is refused (`time.now_ns`, `rand`, `http.send`, `print`
//!   and their like), and so is `with` for anything but the input.
//! - Rules that depend on themselves, and expressions and rules that nest deeper than anyone writes, are refused: the
//!   interpreter would follow them to the end of the stack.
//! - All modules of one [`Rego`] share one tree below `data`. No module may define `allow` of a package that another
//!   one defines it for, also not from a package above it.
//! - A policy is evaluated on the request's own task for 2 ms at most, then on a blocking thread for
//!   `Limits::policy_evaluation`, in one of the slots that the process has for all such work
//!   ([`kest_core::Slots::of_process`]). It needs a Tokio runtime with time.
//! - Time is looked at between the steps of an evaluation. A step that makes a list is bounded by
//!   `Limits::policy_input_bytes`; a text that grows with every step, and memory as such, are not.

mod bounded;
mod check;
mod compile;
mod depth;
mod engine;
mod evaluator;
mod module;
mod names;
mod nesting;
mod paths;
mod problem;
mod reads;
mod scan;
#[cfg(test)]
mod tests;
mod tree;

pub use engine::Rego;
