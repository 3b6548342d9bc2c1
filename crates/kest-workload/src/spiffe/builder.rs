//! How a workload begins with an identity of an agent.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kest_core::{BoxError, Clock, OsRandom, SystemClock};
use kest_identity::{SpiffeId, process_environment};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::agent::{Agent, Answers};
use super::follow::{Follower, Pauses, Progress, Shared};
use super::material::Material;
use super::workload::SpiffeWorkload;
use super::{AgentFault, EntryKeys};

/// Says where the agent is, and how it is asked; begun with [`SpiffeWorkload::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing happens before `start`"]
pub struct SpiffeBuilder {
    entry_keys: EntryKeys,
    address: Option<String>,
    identity: Option<SpiffeId>,
    wait: Duration,
    pauses: Pauses,
    clock: Arc<dyn Clock>,
}

impl SpiffeBuilder {
    pub(super) fn new(entry_keys: EntryKeys) -> Self {
        let pauses = Pauses {
            shortest: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            random: Arc::new(OsRandom),
        };
        let clock = Arc::new(SystemClock);
        Self { entry_keys, address: None, identity: None, wait: Duration::from_secs(30), pauses, clock }
    }

    /// Where the agent is: `unix:///run/spire/agent.sock`, or `tcp://127.0.0.1:8081`. Without it the variable
    /// `SPIFFE_ENDPOINT_SOCKET` says so.
    pub fn endpoint(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Takes this identity where the agent gives several; the first, which is the default one, otherwise.
    pub fn identity(mut self, identity: SpiffeId) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Waits so long for a first identity; 30 seconds by default. An agent may not know a new process at once.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Leaves an agent that is away alone for between `shortest` and `longest`; half a second and half a minute by default.
    pub fn pauses(mut self, shortest: Duration, longest: Duration) -> Self {
        (self.pauses.shortest, self.pauses.longest) = (shortest, longest);
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Asks the agent, and follows it from then on. The identity stays the same for as long as the process runs.
    ///
    /// # Errors
    ///
    /// [`SpiffeStartError`] when there is no agent, no identity, or when those who verify cannot know the entry key.
    pub async fn start(self) -> Result<SpiffeWorkload, SpiffeStartError> {
        let address = self.address.clone().or_else(|| process_environment(ENDPOINT));
        let agent = Agent::parse(&address.ok_or(SpiffeStartError::NoAddress)?)?;
        let last = Mutex::new(None);
        let begun = timeout(self.wait, self.first(&agent, &last)).await;
        let (answers, material) = begun.map_err(|_elapsed| {
            let last = last.lock().unwrap_or_else(PoisonError::into_inner).take();
            last.map_or(SpiffeStartError::Silent, SpiffeStartError::Agent)
        })?;
        self.entry_keys.check(&material.identity)?;
        let (own, trust) = material.begin()?;
        let progress = Progress { received: self.clock.unix_seconds(), ..Progress::default() };
        let shared = Arc::new(Shared {
            identity: material.identity.clone(),
            own,
            trust,
            clock: self.clock,
            not_after: AtomicU64::new(material.not_after),
            progress: Mutex::new(progress),
            changes: watch::Sender::default(),
        });
        tracing::info!(identity = %shared.identity, "identity comes from an agent of the spiffe workload api");
        let follower = Follower { shared: Arc::clone(&shared), agent, pauses: self.pauses };
        Ok(SpiffeWorkload::new(shared, self.entry_keys, tokio::spawn(follower.run(answers))))
    }

    /// The first answer that holds, however many do not before it.
    async fn first(&self, agent: &Agent, last: &Mutex<Option<AgentFault>>) -> (Answers, Material) {
        let mut failures = 0;
        loop {
            let cause = match agent.ask().await {
                Ok(mut answers) => loop {
                    match answers.next().await {
                        Some(Ok(answer)) => {
                            match Material::judge(&answer, self.identity.as_ref(), &self.clock) {
                                Ok(material) => return (answers, material),
                                Err(cause) => Self::remember(last, cause),
                            }
                        }
                        Some(Err(cause)) => Self::remember(last, cause),
                        None => break None,
                    }
                },
                Err(cause) => Some(cause),
            };
            if let Some(cause) = cause {
                Self::remember(last, cause);
            }
            sleep(self.pauses.after(failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    fn remember(last: &Mutex<Option<AgentFault>>, cause: AgentFault) {
        tracing::warn!(kind = cause.kind(), %cause, "agent gives no first certificate");
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
    }
}

/// A workload has no identity of an agent to begin with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeStartError {
    /// Nothing says where the agent is.
    #[error("no agent was named, and SPIFFE_ENDPOINT_SOCKET is not set")]
    NoAddress,
    /// The address is neither `unix:` nor `tcp:`, or malformed.
    #[error("address of the agent cannot be read")]
    Address(#[source] BoxError),
    /// The agent is on another machine: its answers have private keys in them, and no TLS around them.
    #[error("agent must be on this machine")]
    NotLocal,
    /// The agent said nothing in time.
    #[error("agent said nothing in time")]
    Silent,
    /// The agent gave nothing in time that could be taken; this was the last fault.
    #[error(transparent)]
    Agent(#[from] AgentFault),
    /// The signer of entries is that of another workload than the agent says this is.
    #[error("signer of entries belongs to another workload than the agent says")]
    SignerOfAnother,
    /// Those who verify could not know the key of entries: it is not in their trust bundle.
    #[error("key of entries is not in the trust bundle that others verify by")]
    EntryKeyUnpublished,
}

/// SPIFFE Workload Endpoint section 4.
const ENDPOINT: &str = "SPIFFE_ENDPOINT_SOCKET";
