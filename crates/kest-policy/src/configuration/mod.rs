//! What the deployment says about policy: which policies in which tier, and which exemptions until when.

mod exemption;
mod file;

pub use exemption::{DeviationProblem, Exemption, Timestamped};
pub use file::Configuration;
