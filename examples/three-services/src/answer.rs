//! What a service answers: an interface that scripts rely on.

use kest::Admission;
use kest::baggage::Tier;
use serde::{Deserialize, Serialize};

/// The answer of `POST /call`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// The service's name.
    pub service: String,
    /// The operation that ran.
    pub operation: String,
    /// Who called, on whose behalf.
    pub identity: AnswerIdentity,
    /// The score of this service's own entry.
    pub trust_score: u8,
    /// The taints of this service's own entry.
    pub taints: Vec<String>,
    /// How the passport came in.
    pub received: Received,
    /// How the passport went on; null when there is no next service.
    pub sent: Option<Sent>,
    /// The lineage including this service's entry.
    pub passport: Vec<String>,
    /// The next service's answer.
    pub next: Option<Box<Self>>,
}

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnswerIdentity {
    /// On whose behalf.
    pub user: Option<String>,
    /// Through which program.
    pub agent: Option<String>,
    /// To what end.
    pub task: Option<String>,
    /// Who vouches for the names.
    pub issuer: Option<String>,
    /// `jwt`, `lineage`, `anonymous` or `unverified`.
    pub source: String,
}

/// How a passport came in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Received {
    /// `absent`, `inline`, `compressed` or `claim_check`.
    pub tier: String,
    /// Entries of the passport.
    pub entries: usize,
}

/// How a passport went on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sent {
    /// `inline`, `compressed` or `claim_check`.
    pub tier: String,
    /// Bytes of the `kest.*` members.
    pub bytes: usize,
}

impl Answer {
    /// What `service` can say about `admission` before it calls anybody.
    pub(crate) fn of(service: &str, admission: &Admission, tier: Option<Tier>) -> Self {
        let caller = admission.caller();
        let text = |text: Option<&str>| text.map(str::to_owned);
        let entry = admission.entry();
        Self {
            service: service.to_owned(),
            operation: entry.operation().to_string(),
            identity: AnswerIdentity {
                user: text(caller.user()),
                agent: text(caller.agent()),
                task: text(caller.task()),
                issuer: text(caller.issuer()),
                source: caller.source().to_string(),
            },
            trust_score: entry.trust_score().value(),
            taints: entry.taints().iter().map(str::to_owned).collect(),
            received: Received {
                tier: tier.map_or("absent", Tier::as_str).to_owned(),
                entries: admission.arrival().lineage().passport().map_or(0, kest::Passport::len),
            },
            sent: None,
            passport: admission.passport().entries().iter().map(|entry| entry.compact().to_owned()).collect(),
            next: None,
        }
    }

    /// The answers along the chain, this one first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |answer| answer.next.as_deref())
    }
}
