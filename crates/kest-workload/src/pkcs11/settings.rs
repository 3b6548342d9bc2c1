//! Which key of which token signs, and within what bounds.

use std::path::PathBuf;
use std::time::Duration;

use super::PinSource;

/// Which key of which token signs, and within what bounds.
#[derive(Debug, Clone)]
pub struct Pkcs11Settings {
    pub(super) module: PathBuf,
    pub(super) token: TokenName,
    pub(super) key: KeyName,
    pub(super) pin: PinSource,
    pub(super) sessions: usize,
    pub(super) waiting: usize,
    pub(super) time_limit: Duration,
}

/// How a token is told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenName {
    /// By its label, which has to be one token's alone.
    Label(String),
    /// By its serial number.
    Serial(String),
}

/// How a key is told from others of its token (`CKA_LABEL`, `CKA_ID`). Its public key has the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyName {
    /// By its label.
    Label(String),
    /// By its id.
    Id(Vec<u8>),
}

impl Pkcs11Settings {
    /// The key `key` of `token`, reached through the library at the path `module`.
    ///
    /// The library runs inside this process: its path must be one that only this service's operator can write to.
    #[must_use]
    pub fn new(module: impl Into<PathBuf>, token: TokenName, key: KeyName, pin: PinSource) -> Self {
        Self {
            module: module.into(),
            token,
            key,
            pin,
            sessions: SESSIONS,
            waiting: WAITING,
            time_limit: TIME_LIMIT,
        }
    }

    /// Signs on so many sessions at once, each on a blocking thread; at least one, and 4 unless said otherwise.
    #[must_use]
    pub fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions.clamp(1, MOST_SESSIONS);
        self
    }

    /// So many more may wait for a session; 256 unless said otherwise. Who comes after them is refused at once.
    #[must_use]
    pub fn waiting(mut self, waiting: usize) -> Self {
        self.waiting = waiting.min(MOST_WAITING);
        self
    }

    /// Waits so long for a signature, the time in the queue included; 2 seconds unless said otherwise.
    #[must_use]
    pub fn time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }
}

/// A token of one processor gains nothing by more; network HSMs do.
const SESSIONS: usize = 4;

/// The blocking threads of a runtime are 512, and others need them too.
const MOST_SESSIONS: usize = 64;

/// Each waiting request holds its own memory, some kilobytes.
const WAITING: usize = 256;

/// Past this a queue is longer than any time limit.
const MOST_WAITING: usize = 65_536;

/// A signature of a network HSM takes some milliseconds; a request should not hang for longer than this.
const TIME_LIMIT: Duration = Duration::from_secs(2);
