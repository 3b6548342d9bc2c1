//! Cedar in this process: policies compiled and validated once, each name evaluated on its own.
//!
//! A policy is called by its `@id`. All policies of one source with the same `@id`, permits and forbids, are one name and
//! decide together; a source in which nothing has an `@id` is one name, called like the file without its extension.
//! Names never add up: what one name permits is no answer for another.
//!
//! ```
//! use kest_core::Limits;
//! use kest_core::entry::PolicyName;
//! use kest_policy::cedar::Cedar;
//! use kest_policy::{Engine, Input, Source, Verdict};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policies = Source::text(
//!     "orders.cedar",
//!     r#"
//!     @id("orders/read")
//!     permit(principal, action, resource)
//!     when { context.subject has user && context.subject.scopes.contains("orders:read") };
//!
//!     @id("orders/read")
//!     forbid(principal, action, resource)
//!     when { context.subject.taints.contains("untrusted") || context.trust_score < 40 };
//!     "#,
//! );
//! let cedar = Cedar::compile(&[policies], None, &Limits::default())?;
//!
//! let input = Input::from_json(
//!     br#"{
//!         "chain": {"operations": ["checkout"], "principals": ["spiffe://shop/web"],
//!             "resources": [null], "users": ["ada"]},
//!         "environment": {"active_deviations": [], "hop_proof": "signature", "is_root": false, "operation": "read-order",
//!             "policy_names": ["orders/read"], "policy_tier": "function", "source_type": null},
//!         "identity": "spiffe://shop/orders",
//!         "object": {"attributes": {}, "id": "order-17"},
//!         "subject": {"agent": null, "identity_source": "jwt", "issuer": "https://login.example",
//!             "roles": [], "scopes": ["orders:read"], "taints": [], "task": null, "tenant": null, "trust_score": 80,
//!             "user": "ada", "workload": "spiffe://shop/orders"},
//!         "trust_score": 80
//!     }"#,
//!     &Limits::default(),
//! )?;
//! let verdict = cedar.evaluate(&PolicyName::new("orders/read")?, &input).await?;
//! assert_eq!(verdict, Verdict::Allow);
//! # Ok(())
//! # }
//! ```
//!
//! # What a policy sees
//!
//! The principal is `Kest::Workload::"<workload>"`, the action `Kest::Action::"<policy name>"`, the resource
//! `Kest::Resource::"<id>"`, or `"*"` without an id. There are no entities behind these names: everything else is in
//! `context`, which is the [input document](crate::Input) as nested records. Its lists are sets, its nulls are absent.
//! The [built-in schema](Cedar::BUILT_IN_SCHEMA) has every member and explains it.
//!
//! Attributes of the resource are seen as the schema declares them. To use others, copy the built-in schema, change its
//! `type Attributes`, and compile with the copy; the same holds for the environment that a service declares (`Declared`)
//! and the claims that it keeps (`Claims`). Strings, booleans, whole numbers of 64 bits, lists and objects have a
//! Cedar value; an attribute that a policy mentions and that has another type than declared, a fraction or a null in a
//! list makes the evaluation fail. What is not declared or not mentioned is not looked at. No attribute ever becomes an
//! entity or an extension value, whatever it looks like.
//!
//! # What is refused
//!
//! Validation is strict. A forbid that can never apply is refused as well, since it reads as if it protected; so are
//! templates, members that no input has, and policies that nest deeper than 32 levels of brackets and operators: write
//! several policies or a set instead. A policy that errs while it is evaluated is not left out, as Cedar would; the
//! whole evaluation [fails](crate::EngineError::Failed), and nothing is allowed.

mod compile;
mod decide;
mod declared;
mod engine;
mod fault;
mod fits;
mod mentioned;
mod nesting;
mod read;
mod shape;
mod straight;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use engine::Cedar;
