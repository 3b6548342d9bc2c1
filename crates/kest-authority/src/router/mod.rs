//! The two routers of an authority, and the listeners that each may be served on: they are different types, so that neither is
//! served where the other belongs.

mod answer;
mod enrolment;
mod limited;
mod read;
mod serve;
mod workload;

pub use enrolment::EnrolmentRouter;
pub use serve::ServeError;
pub use workload::WorkloadRouter;
