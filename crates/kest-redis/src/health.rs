//! How the connection fares, as a value to read.

use std::fmt;
use std::sync::Arc;

use crate::ConnectError;
use crate::link::{Node, NodeState};

/// How a connection fares at one moment.
#[derive(Debug, Clone)]
pub struct RedisHealth {
    pub(crate) servers: Vec<ServerHealth>,
    pub(crate) in_flight: usize,
    pub(crate) waiting: usize,
}

impl RedisHealth {
    /// Whether there is a checked connection to every server that is known.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.servers.is_empty() && self.servers.iter().all(ServerHealth::is_ready)
    }

    /// The servers: one, or the primaries of a cluster; none before a cluster was first seen.
    #[must_use]
    pub fn servers(&self) -> &[ServerHealth] {
        &self.servers
    }

    /// Commands under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Commands that wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }
}

/// How the connection to one server fares.
#[derive(Clone)]
pub struct ServerHealth {
    address: String,
    away: Option<Arc<ConnectError>>,
}

impl ServerHealth {
    pub(crate) fn of(node: &Node) -> Self {
        let away = match node.state() {
            NodeState::Ready(_) => None,
            NodeState::Away(why) => Some(why),
        };
        Self { address: node.address().to_string(), away }
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether there is a checked connection.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.away.is_none()
    }

    /// Why there is no connection; `None` while there is one.
    #[must_use]
    pub fn away(&self) -> Option<&ConnectError> {
        self.away.as_deref()
    }
}

impl fmt::Debug for ServerHealth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("ServerHealth");
        shown
            .field("address", &self.address)
            .field("away", &self.away.as_deref().map(ConnectError::kind))
            .finish()
    }
}
