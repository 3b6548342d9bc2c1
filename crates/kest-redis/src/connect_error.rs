//! Why a server was not taken into use.

use kest_core::BoxError;

use crate::address::AddressError;

/// A server was not taken into use: out of reach, or not one that claims and identifiers are safe with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An address is malformed.
    #[error("address of the server is malformed")]
    Address(#[from] AddressError),
    /// The settings need a feature of this crate that is not on.
    #[error("settings need a feature that is not on: {0}")]
    Feature(&'static str),
    /// The root certificate is malformed, or this machine has none.
    #[error("root certificates cannot be used")]
    RootCertificates(#[source] BoxError),
    /// There is no way to the server, or the connection broke while it was made.
    #[error("server is out of reach")]
    Unreachable(#[source] BoxError),
    /// The server did not answer within [`crate::RedisBuilder::connect_timeout`].
    #[error("server did not answer in time")]
    TimedOut,
    /// User or password is wrong, or missing where the server asks for one.
    #[error("server does not know this login")]
    Unauthorized,
    /// The server refuses to serve, with this code: `LOADING`, say, or `NOPERM`.
    #[error("server refuses to serve: {0}")]
    Refused(String),
    /// The server answers what no Redis answers.
    #[error("server gave an unreadable answer")]
    UnexpectedReply,
    /// The server is older than 7.0; its `redis_version`. Before that, scripts outlived a restart.
    #[error("server is too old: {0}")]
    TooOld(String),
    /// The server is a read-only replica.
    #[error("server is a read-only replica")]
    ReadOnly,
    /// The server may evict keys that are alive; its `maxmemory-policy`.
    #[error("server may evict keys that are alive, by policy {0}")]
    MayEvict(String),
    /// Whether the server evicts keys cannot be read: the login may do neither `CONFIG GET` nor `INFO`.
    #[error("server does not say whether it evicts keys that are alive")]
    EvictionUnknown,
    /// One address was given, and the server is part of a cluster.
    #[error("server is part of a cluster, and one address was given")]
    Cluster,
    /// Several addresses were given, and the server is no part of a cluster.
    #[error("server is no part of a cluster, and several addresses were given")]
    NoCluster,
    /// Parts of the cluster's keys are held by no server.
    #[error("cluster has keys that no server holds")]
    Uncovered,
    /// It has not been tried yet.
    #[error("server was not asked yet")]
    NotYet,
}

impl ConnectError {
    /// A word for it, for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) | Self::Feature(_) | Self::RootCertificates(_) => "settings",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Unauthorized => "unauthorized",
            Self::Refused(_) => "refused",
            Self::UnexpectedReply => "unexpected_reply",
            Self::TooOld(_) => "too_old",
            Self::ReadOnly => "read_only",
            Self::MayEvict(_) | Self::EvictionUnknown => "may_evict",
            Self::Cluster | Self::NoCluster | Self::Uncovered => "cluster",
            Self::NotYet => "not_yet",
        }
    }
}
