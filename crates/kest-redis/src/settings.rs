//! What a connection is made with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kest_core::Clock;

use crate::address::Address;

/// Bounds, and what the user of the crate chose.
pub(crate) struct Settings {
    pub(crate) addresses: Vec<Address>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tokio_rustls::TlsConnector>,
    pub(crate) connect_timeout: Duration,
    pub(crate) check_every: Duration,
    pub(crate) share_bytes: Most,
    pub(crate) command_timeout: Duration,
    pub(crate) queue_timeout: Duration,
    pub(crate) in_flight: usize,
    pub(crate) waiting: usize,
    pub(crate) value_bytes: usize,
    pub(crate) eviction: Eviction,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What is done about a server that may evict keys that are alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eviction {
    Refused,
    Accepted,
}

impl Eviction {
    /// What scripts are told.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Refused => "keep",
            Self::Accepted => "evict",
        }
    }
}

/// How much one caller may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Most {
    /// A part of what the server has free.
    OfRoom,
    Fixed(u64),
}

impl Most {
    /// What scripts are told.
    pub(crate) fn word(self) -> String {
        match self {
            Self::OfRoom => "room".to_owned(),
            Self::Fixed(most) => most.to_string(),
        }
    }
}

/// Bytes as a part of a key.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|four| char::from_digit(u32::from(four), 16));
    bytes.iter().flat_map(digits).flatten().collect()
}

impl Settings {
    /// Whether servers are parts of a cluster.
    pub(crate) fn clustered(&self) -> bool {
        self.addresses.len() > 1
    }

    /// The longest that one call may take, waiting for its turn included.
    pub(crate) fn call_wait(&self) -> Duration {
        self.queue_timeout + self.command_timeout
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
