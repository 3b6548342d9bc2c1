//! One server: connecting to it, checking it, keeping the connection, and asking it.

mod backoff;
mod check;
mod gate;
mod keeper;
mod node;
mod open;
mod stream;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "cluster")]
pub(crate) use backoff::Backoff;
pub(crate) use gate::Gate;
#[cfg(feature = "cluster")]
pub(crate) use node::{Admission, NotRun};
pub(crate) use node::{Node, NodeState};
#[cfg(feature = "cluster")]
pub(crate) use open::open;
#[cfg(feature = "tls")]
pub(crate) use tls::tls;
