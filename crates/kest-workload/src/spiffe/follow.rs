//! Following an agent: each answer that holds takes the place of the last one, and an agent that is away is asked again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kest_core::{Clock, Random};
use kest_identity::SpiffeId;
use spiffe::X509Context;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::AgentFault;
use super::agent::{Agent, Answers};
use super::material::Material;
use crate::certificate::OwnCertificate;
use crate::telemetry;
use crate::trust::PeerTrust;

/// What the follower and the service have in common.
pub(super) struct Shared {
    pub(super) identity: SpiffeId,
    pub(super) own: OwnCertificate,
    pub(super) trust: PeerTrust,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) not_after: AtomicU64,
    pub(super) progress: Mutex<Progress>,
    /// Counts answers, taken or not, and the ends of streams.
    pub(super) changes: watch::Sender<u64>,
}

/// How following goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// When the present certificate came.
    pub(super) received: u64,
    pub(super) failures: u32,
    pub(super) last_error: Option<&'static str>,
}

impl Shared {
    fn take(&self, answer: &X509Context) -> Result<(), AgentFault> {
        let material = Material::judge(answer, Some(&self.identity), &self.clock)?;
        material.replace(&self.own, &self.trust)?;
        self.not_after.store(material.not_after, Ordering::Release);
        Ok(())
    }

    fn note(&self, outcome: &Result<(), AgentFault>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, not_after) = (self.clock.unix_seconds(), self.not_after.load(Ordering::Acquire));
        match outcome {
            Ok(()) => {
                *progress = Progress { received: now, ..Progress::default() };
                tracing::info!(identity = %self.identity, "certificate of the agent taken");
            }
            Err(cause) => {
                let kind = cause.kind();
                progress.failures = progress.failures.saturating_add(1);
                let left = not_after.saturating_sub(now);
                // A fault that stays is said once, unless the certificate is about to end.
                if progress.last_error.replace(kind) != Some(kind) || left < LAST_SECONDS {
                    tracing::warn!(identity = %self.identity, kind, seconds_left = left, %cause, "agent gives no certificate");
                }
            }
        }
        drop(progress);
        telemetry::renewed("spiffe", outcome.as_ref().map_or_else(AgentFault::kind, |()| "done"));
        telemetry::seconds_left(self.identity.as_str(), not_after, now);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Asks an agent for as long as it runs.
pub(super) struct Follower {
    pub(super) shared: Arc<Shared>,
    pub(super) agent: Agent,
    pub(super) pauses: Pauses,
}

impl Follower {
    pub(super) async fn run(self, first: Answers) {
        let mut answers = Some(first);
        let mut failures = 0;
        loop {
            let asked = match answers.take() {
                Some(answers) => Ok(answers),
                None => timeout(ANSWER_WAIT, self.agent.ask())
                    .await
                    .unwrap_or_else(|cause| Err(AgentFault::Unavailable(cause.into()))),
            };
            match asked {
                // An agent that says nothing for long is asked anew at once: it may be one that hangs.
                Ok(asked) => match self.listen(asked, &mut failures).await {
                    Silence::Long => continue,
                    Silence::Ended => self.shared.note(&Err(AgentFault::Ended)),
                    Silence::AfterAFault => {}
                },
                Err(cause) => self.shared.note(&Err(cause)),
            }
            sleep(self.pauses.after(failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    async fn listen(&self, mut answers: Answers, failures: &mut u32) -> Silence {
        let mut silence = Silence::Ended;
        loop {
            let Ok(next) = timeout(self.patience(), answers.next()).await else { return Silence::Long };
            let Some(answer) = next else { return silence };
            let outcome = answer.and_then(|answer| self.shared.take(&answer));
            silence = if outcome.is_ok() { Silence::Ended } else { Silence::AfterAFault };
            if outcome.is_ok() {
                *failures = 0;
            }
            self.shared.note(&outcome);
        }
    }

    /// A third of what is left of the certificate. An agent pushes the next one when half of it is over.
    fn patience(&self) -> Duration {
        let not_after = self.shared.not_after.load(Ordering::Acquire);
        let left = not_after.saturating_sub(self.shared.clock.unix_seconds());
        Duration::from_secs(left / 3).clamp(SHORTEST_PATIENCE, LONGEST_PATIENCE)
    }
}

/// Why nothing more is heard of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    Long,
    Ended,
    /// The stream ended by what was noted already.
    AfterAFault,
}

/// How long an agent that is away is left alone: doubled from one try to the next, and a random part of it left out.
#[derive(Debug, Clone)]
pub(super) struct Pauses {
    pub(super) shortest: Duration,
    pub(super) longest: Duration,
    pub(super) random: Arc<dyn Random>,
}

impl Pauses {
    pub(super) fn after(&self, failures: u32) -> Duration {
        let pause = self.shortest.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(1));
        let pause = pause.min(self.longest);
        let mut byte = [0];
        // Without randomness punctual: jitter is a courtesy to the agent, not a protection.
        let left_out = if self.random.fill(&mut byte).is_ok() { u32::from(byte[0]) } else { 0 };
        pause.saturating_sub(pause.saturating_mul(left_out) / 1024)
    }
}

/// A stream that an agent accepts, and gives no answer on, is no answer.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// An agent that pushes nothing near the end of a certificate is asked no more often than this.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(5);

/// The roots change too, and say so on the same stream.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3600);

/// Below this each failure is said, however often it was said before.
const LAST_SECONDS: u64 = 60;
