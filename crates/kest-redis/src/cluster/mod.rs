//! Several servers that share the keys: which one holds which, and how that is learned.

mod connection;
mod slot;
mod topology;

pub(crate) use connection::Cluster;
