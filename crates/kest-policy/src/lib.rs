//! Policy for Kest: four tiers, real engines behind one seam, and decisions that cannot be confused.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cache;
#[cfg(feature = "cedar")]
pub mod cedar;
#[cfg(feature = "cedar-agent")]
pub mod cedar_agent;
mod closure;
pub mod configuration;
pub mod engine;
pub mod input;
pub mod load;
#[cfg(feature = "opa")]
pub mod opa;
mod policies;
#[cfg(feature = "rego")]
pub mod rego;
#[cfg(any(feature = "opa", feature = "cedar-agent"))]
mod remote;
pub mod telemetry;

pub use cache::{CACHE_TTL_VARIABLE, CacheTtlError};
pub use closure::Closures;
pub use configuration::Configuration;
pub use engine::{Engine, EngineError, EngineIdentity, Verdict};
pub use input::Input;
pub use load::{LoadError, LoadErrors, Source};
pub use policies::{
    Deployment, Policies, PoliciesBuilder, PoliciesStatus, RoutePolicies, RoutePolicyError, Watch,
};
