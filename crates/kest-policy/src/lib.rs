//! Policy for Kest: four tiers, real engines behind one seam, and decisions that cannot be confused.

#[cfg(feature = "cedar")]
pub mod cedar;
#[cfg(feature = "cedar-agent")]
pub mod cedar_agent;
pub mod engine;
pub mod input;
pub mod load;
#[cfg(feature = "opa")]
pub mod opa;
#[cfg(feature = "rego")]
pub mod rego;

pub use engine::{Engine, EngineError, EngineIdentity, Verdict};
pub use input::Input;
pub use load::{LoadError, LoadErrors, Source};
