//! Makes a connection, by one address or by several of a cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kest_core::{Clock, Limits, SystemClock};

use crate::address::{Address, Encryption};
use crate::settings::{Eviction, Most, Settings};
use crate::{ConnectError, Redis};

/// Settings of a connection that is not made yet.
///
/// A service makes its own from `kest::Kest::redis`, which says the service's [limits](Self::limits) and clock.
///
/// A call waits [`queue_timeout`](Self::queue_timeout) for its turn and then [`command_timeout`](Self::command_timeout) for its
/// answer, 400 ms together, which is below `Limits::passport_store_wait`.
///
/// ```no_run
/// use kest_redis::Redis;
///
/// # async fn example() -> Result<(), kest_redis::ConnectError> {
/// let redis = Redis::builder("redis://cache.example:6379").login("orders", "secret").connect().await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct RedisBuilder {
    addresses: Vec<String>,
    login: Option<(String, String)>,
    #[cfg(feature = "tls")]
    root_certificate: Option<String>,
    connect_timeout: Duration,
    check_every: Duration,
    share_bytes: Most,
    command_timeout: Duration,
    queue_timeout: Duration,
    in_flight: usize,
    waiting: usize,
    value_bytes: usize,
    eviction: Eviction,
    clock: Arc<dyn Clock>,
}

impl RedisBuilder {
    pub(crate) fn new(address: String) -> Self {
        Self {
            addresses: vec![address],
            login: None,
            #[cfg(feature = "tls")]
            root_certificate: None,
            connect_timeout: Duration::from_secs(1),
            check_every: Duration::from_secs(5),
            share_bytes: Most::OfRoom,
            command_timeout: Duration::from_millis(300),
            queue_timeout: Duration::from_millis(100),
            in_flight: 256,
            waiting: 1024,
            value_bytes: Limits::default().passport_bytes.saturating_mul(4),
            eviction: Eviction::Refused,
            clock: Arc::new(SystemClock),
        }
    }

    /// One more address of the same cluster. With two addresses or more, the servers must be parts of a cluster;
    /// whichever answers first is asked for the rest. Takes the feature `cluster`.
    pub fn node(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// The user of the server's access control list, and the password; they replace those of the address.
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some((user.into(), password.into()));
        self
    }

    /// The password of the default user; it replaces that of the address.
    pub fn password(self, password: impl Into<String>) -> Self {
        self.login("", password)
    }

    /// Certificates of the authorities behind the server, as PEM, in place of those that this machine trusts.
    #[cfg(feature = "tls")]
    pub fn root_certificate(mut self, pem: impl Into<String>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// How long making one connection may take, its checks included; 1 s by default. No request ever waits for it.
    pub fn connect_timeout(mut self, wait: Duration) -> Self {
        self.connect_timeout = wait;
        self
    }

    /// How often a server is asked whether it may evict keys by now, while a connection lasts; 5 s by default. Each
    /// question about an identifier asks as well.
    pub fn check_every(mut self, time: Duration) -> Self {
        self.check_every = time.max(Duration::from_millis(1));
        self
    }

    /// Bytes of claims of one caller that may be alive, counted on the server for all replicas together. The caller is
    /// refused over it, and others go on.
    ///
    /// By default a third of the server's memory that is free (of `maxmemory`, else of the machine's), of which one
    /// caller alone gets a quarter; the login needs `INFO` then.
    pub fn share_bytes(mut self, most: u64) -> Self {
        self.share_bytes = Most::Fixed(most);
        self
    }

    /// How long one command may take; 300 ms by default.
    pub fn command_timeout(mut self, wait: Duration) -> Self {
        self.command_timeout = wait;
        self
    }

    /// How long a command may wait for its turn while [`in_flight`](Self::in_flight) others are under way; 100 ms by
    /// default.
    pub fn queue_timeout(mut self, wait: Duration) -> Self {
        self.queue_timeout = wait;
        self
    }

    /// How many commands may be under way at the same time; 256 by default. They share one connection to each server.
    pub fn in_flight(mut self, most: usize) -> Self {
        self.in_flight = most.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// How many commands may wait for their turn; 1024 by default. The next one is refused at once.
    pub fn waiting(mut self, most: usize) -> Self {
        self.waiting = most;
        self
    }

    /// Bytes of a claim that are read at most, and written at most; four times `Limits::passport_bytes` by default: a
    /// sealed claim is longer than its passport, and services with longer ones may share the server.
    pub fn value_bytes(mut self, most: usize) -> Self {
        self.value_bytes = most;
        self
    }

    /// Follows the bounds of a service: [`value_bytes`](Self::value_bytes) its `Limits::passport_bytes`, and the time that
    /// a call may take its `Limits::passport_store_wait`, of which a command gets three fifths, its turn one, and the
    /// way there and back the last. What is named after this stands.
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.value_bytes = limits.passport_bytes.saturating_mul(4);
        let fifth = limits.passport_store_wait / 5;
        (self.command_timeout, self.queue_timeout) = (fifth * 3, fifth);
        self
    }

    /// The clock that identifiers expire by; the system's by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes servers that may evict keys that are alive, or that do not say whether they do.
    ///
    /// Given up is the promise of both stores: a claim can be gone before its time, which loses a passport with all
    /// that it proves, and an identifier can be forgotten, after which it is accepted a second time.
    pub fn dangerous_allow_eviction(mut self) -> Self {
        self.eviction = Eviction::Accepted;
        self
    }

    /// Connects and checks every server; from then on, connections are made anew in the background.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when a server is out of reach or is not one that claims and identifiers are safe with.
    pub async fn connect(self) -> Result<Redis, ConnectError> {
        Redis::connect(self.into_settings()?).await
    }

    /// Starts without waiting for the servers: until they are there and have passed their checks, every call fails at
    /// once. For services that must start while Redis is away. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the settings cannot be used; servers are not asked.
    pub fn connect_lazily(self) -> Result<Redis, ConnectError> {
        Redis::lazily(self.into_settings()?)
    }

    fn into_settings(self) -> Result<Settings, ConnectError> {
        let mut addresses = Vec::new();
        for text in &self.addresses {
            let address = Address::parse(text)?;
            addresses.push(match &self.login {
                Some((user, password)) => address.with_login(user, password),
                None => address,
            });
        }
        #[cfg(not(feature = "cluster"))]
        if addresses.len() > 1 {
            return Err(ConnectError::Feature("cluster"));
        }
        let encrypted = addresses.iter().any(|address| address.encryption() == Encryption::Tls);
        #[cfg(not(feature = "tls"))]
        if encrypted {
            return Err(ConnectError::Feature("tls"));
        }
        Ok(Settings {
            addresses,
            #[cfg(feature = "tls")]
            tls: if encrypted { Some(crate::link::tls(self.root_certificate.as_deref())?) } else { None },
            connect_timeout: self.connect_timeout,
            check_every: self.check_every,
            share_bytes: self.share_bytes,
            command_timeout: self.command_timeout,
            queue_timeout: self.queue_timeout,
            in_flight: self.in_flight,
            waiting: self.waiting,
            value_bytes: self.value_bytes,
            eviction: self.eviction,
            clock: self.clock,
        })
    }
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses may contain passwords.
        formatter
            .debug_struct("RedisBuilder")
            .field("addresses", &self.addresses.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_a_service_are_the_defaults_where_its_limits_are() {
        let plain = Redis::builder("redis://cache.example");
        let bounds = |it: &RedisBuilder| (it.value_bytes, it.command_timeout, it.queue_timeout);
        let followed = Redis::builder("redis://cache.example").limits(&Limits::default());
        assert_eq!(bounds(&plain), bounds(&followed));
        let mut limits = Limits::default();
        limits.passport_bytes = 1000;
        limits.passport_store_wait = Duration::from_secs(1);
        let followed = Redis::builder("redis://cache.example").limits(&limits);
        let expected = (4000, Duration::from_millis(600), Duration::from_millis(200));
        assert_eq!(bounds(&followed), expected);
    }
}
