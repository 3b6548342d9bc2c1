//! What the deployment says about policy: which policies in which tier, and which deviations until when.

mod deviation;
mod file;

pub use deviation::{ApprovedDeviation, DeviationProblem, Timestamped};
pub use file::Configuration;
