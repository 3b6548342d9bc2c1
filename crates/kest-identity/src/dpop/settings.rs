//! What is asked of proofs of possession, and of which tokens they are asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kest_core::{BoxError, ReplayStore};

use crate::jwt::Algorithm;

use super::nonce::NonceIssuer;

/// Whether the tokens of an issuer are bound to a key or certificate of their user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Requirement {
    /// Tokens are not bound that way. One that is bound all the same is refused: it could not be told here whether it was
    /// stolen.
    #[default]
    Off,
    /// A token that is bound is taken with its proof only; one that is not bound is taken as it is.
    Optional,
    /// Every token must be bound, and is taken with its proof only.
    Required,
}

/// What proofs of possession must be like: `DPoP`, RFC 9449.
///
/// ```
/// use std::time::Duration;
/// use kest_identity::{Algorithm, DpopSettings};
///
/// let plain = DpopSettings::new().origins(["https://api.example"]);
/// let customised = DpopSettings::new()
///     .origins(["https://api.example", "https://api.internal.example:8443"])
///     .algorithms([Algorithm::Es256, Algorithm::EdDsa])
///     .window(Duration::from_secs(30))
///     .leeway(Duration::from_secs(2))
///     .require_nonce();
/// # drop((plain, customised));
/// ```
#[must_use]
pub struct DpopSettings {
    pub(super) origins: Option<Vec<String>>,
    pub(super) host: Host,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) window: Duration,
    pub(super) leeway: Duration,
    pub(super) nonces: Nonces,
    pub(super) replays: Option<Arc<dyn ReplayStore>>,
}

/// What the host that a client names is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    Nothing,
    Believed,
}

/// Whether proofs must contain a nonce of ours.
#[derive(Debug)]
pub(super) enum Nonces {
    Off,
    /// Made with a secret of this process.
    Own,
    /// Made with a secret that others have as well.
    Shared(Box<NonceIssuer>),
}

impl DpopSettings {
    /// Proofs of the last 60 s, by clocks that are up to 5 s ahead, with any of [`Algorithm::ALL`], without nonces,
    /// remembered by this process alone.
    pub fn new() -> Self {
        Self {
            origins: None,
            host: Host::Nothing,
            algorithms: Algorithm::ALL.to_vec(),
            window: Duration::from_secs(60),
            leeway: Duration::from_secs(5),
            nonces: Nonces::Off,
            replays: None,
        }
    }

    /// The origins (scheme, host and port) under which clients know this service, such as `https://api.example`.
    ///
    /// Required where proofs are taken: nothing in a request says reliably what its client asked for, so that only this can
    /// tell a proof for this service from one for another. The path is compared too, in its
    /// [normal form](kest_core::NormalPath) and with the prefixes of nested routers, so a proxy must not rewrite it.
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Takes proofs for whatever host a request names, where no origins are.
    ///
    /// What is given up: who caught a proof for another service can send it here with that service's name as `Host`. The
    /// scheme must be `https`, or `http` where that host is this machine.
    pub fn dangerous_believe_host(mut self) -> Self {
        self.host = Host::Believed;
        self
    }

    /// Whether it can be told which service a proof is for.
    pub(crate) fn tell_services_apart(&self) -> bool {
        self.origins.is_some() || self.host == Host::Believed
    }

    /// The algorithms that proofs may be signed with; all of [`Algorithm::ALL`] by default.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How old a proof may be; 60 s by default, 300 s at most. Each one is remembered for this long. Where nonces are
    /// asked for it is how long a nonce lives.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How far the clocks of clients may be ahead; 5 s by default, 60 s at most. Where nonces are asked for, clients
    /// need no clock.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Asks for a nonce of ours in every proof, so that none can be made in advance: RFC 9449 section 9.
    ///
    /// The nonce then says when the proof was made, and `iat` is not compared with any clock (section 4.3, check 11). A
    /// nonce is good for five sixths of the [window](Self::window) at least. Every process makes its own, unless they
    /// [share a secret](Self::nonce_secret).
    pub fn require_nonce(mut self) -> Self {
        self.nonces = Nonces::Own;
        self
    }

    /// Asks for nonces that are made with this secret, so that all replicas that have it, and the same window, take each
    /// other's.
    pub fn nonce_secret(mut self, secret: &[u8; 32]) -> Self {
        self.nonces = Nonces::Shared(Box::new(NonceIssuer::new(secret)));
        self
    }

    /// Where used proofs are remembered. By default in this process, up to `Limits::replay_ids`: a proof that was used
    /// with one replica is then new to another one.
    pub fn replays(mut self, store: Arc<dyn ReplayStore>) -> Self {
        self.replays = Some(store);
        self
    }
}

impl Default for DpopSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DpopSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DpopSettings")
            .field("origins", &self.origins)
            .field("host", &self.host)
            .field("algorithms", &self.algorithms)
            .field("window", &self.window)
            .field("leeway", &self.leeway)
            .field("nonces", &self.nonces)
            .field("replays", &self.replays)
            .finish()
    }
}

/// The settings of proofs of possession are unsafe or cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DpopSettingsError {
    /// Not `https` (or `http`) and a host, with or without a port, and nothing else; or a list of none.
    #[error("an origin is not a scheme and a host")]
    Origin,
    /// Proofs are taken, and no origins were named to tell those for this service from others.
    #[error("no origins are named for proofs, so that none can be told from one for another service")]
    NoOrigins,
    /// The list of allowed algorithms is empty.
    #[error("no signature algorithm is allowed for proofs")]
    NoAlgorithm,
    /// Used proofs would have to be remembered for too long.
    #[error("proofs may be over 300 s old: {0:?}")]
    Window(Duration),
    /// Proofs could be made far in advance.
    #[error("leeway of proofs is over 60 s: {0:?}")]
    Leeway(Duration),
    /// The store takes no identifier that lives as long as a proof counts, so good proofs would be refused.
    #[error("used proofs are remembered for {remembers:?}, and have to be for {needed:?}")]
    ReplaysTooShort {
        /// What the store was made for.
        remembers: Duration,
        /// What it has to be made for.
        needed: Duration,
    },
    /// No secret could be made for nonces.
    #[error("no secret could be made for nonces")]
    Random(#[source] BoxError),
}
