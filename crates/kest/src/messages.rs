//! Lineages of messages: a job in a queue has a cause, and continues the lineage of the operation that put it there.

use std::collections::{BTreeMap, HashMap};
use std::future::IntoFuture;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use kest_baggage::{
    HeaderReader, InjectError, PackError, ReadError, RestoreError, Tier, Tiers, packed_once, restore,
};
use kest_core::passport::{Freshness, NotFresh, VerifyError};
use kest_core::refusal::{Actor, Explanation, Refusal, Step};
use kest_core::signature::{KeysUnavailable, ResolveKeys as _};
use kest_core::{
    Admission, AdmitError, AdmitOptions, Arrival, Audit, AuthenticateError, Authorize, Evidence, FromLineage,
    Lineage, NoSlot, Operation, Share, Verifier, authenticate,
};

use crate::service::Kest;

/// Headers of a message, by name: of Kafka or NATS, attributes of SQS, a column of a job table.
///
/// ```
/// use std::collections::HashMap;
/// use kest::Carrier as _;
///
/// let mut headers: HashMap<String, String> = HashMap::new();
/// headers.set("baggage", "tenant=acme".to_owned());
/// assert_eq!(headers["baggage"], "tenant=acme");
/// ```
pub trait Carrier {
    /// The header called `name`, which is in lower case.
    fn get(&self, name: &str) -> Option<&str>;

    /// Sets the header called `name`, in the place of one that stands there.
    fn set(&mut self, name: &'static str, value: String);
}

impl<S: BuildHasher> Carrier for HashMap<String, String, S> {
    fn get(&self, name: &str) -> Option<&str> {
        Self::get(self, name).map(String::as_str)
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.insert(name.to_owned(), value);
    }
}

impl Carrier for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        Self::get(self, name).map(String::as_str)
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.insert(name.to_owned(), value);
    }
}

const BAGGAGE: &str = "baggage";

/// Writes the lineage of `admission` into the headers of a message, beside the baggage of others that stands there.
///
/// It is written inline or compressed, never as a claim check, which would have ended before the message is read.
///
/// # Errors
///
/// [`CarrierError`] when the lineage is too long for that, or the baggage that stands there is malformed. The message must
/// not be sent then.
pub async fn carry(admission: &Admission, carrier: &mut (impl Carrier + ?Sized)) -> Result<(), CarrierError> {
    let limits = admission.admitter().limits();
    let mut headers = HeaderMap::new();
    if let Some(others) = carrier.get(BAGGAGE) {
        let others = HeaderValue::from_str(others).map_err(|_cause| CarrierError::Baggage)?;
        headers.insert(HeaderName::from_static(BAGGAGE), others);
    }
    let packed = packed_once(admission, &Tiers::auto()).await.map_err(CarrierError::Pack)?;
    packed.inject(&mut headers, limits).map_err(CarrierError::Inject)?;
    let line = headers.get(BAGGAGE).and_then(|line| line.to_str().ok()).ok_or(CarrierError::Baggage)?;
    carrier.set(BAGGAGE, line.to_owned());
    Ok(())
}

/// A message cannot carry its lineage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarrierError {
    /// The lineage does not fit.
    #[error("lineage cannot be packed for a message")]
    Pack(#[source] PackError),
    /// It does not fit beside the members of others.
    #[error("lineage does not fit beside the baggage of the message")]
    Inject(#[source] InjectError),
    /// The baggage that stands there is not a header's value.
    #[error("baggage of the message is not a header value")]
    Baggage,
}

/// Reads the lineage of a message; made by [`Kest::continue_from`]. It does nothing until it is awaited, which it cannot be
/// before [`max_age`](Self::max_age) was said.
#[derive(Debug)]
#[must_use = "a lineage that is not awaited is not continued"]
pub struct Continue {
    kest: Kest,
    line: Option<String>,
}

impl Continue {
    pub(crate) fn new(kest: &Kest, carrier: &(impl Carrier + ?Sized)) -> Self {
        Self { kest: kest.clone(), line: carrier.get(BAGGAGE).map(str::to_owned) }
    }

    /// Takes messages whose last operation was signed at most this long ago: as long as one may wait in the queue. The keys of
    /// its signers have to be trusted for that long too.
    pub fn max_age(self, age: Duration) -> ContinueWithin {
        ContinueWithin { message: self, age, account: Share::of_queue("") }
    }
}

/// A [`Continue`] that knows how old the message may be.
#[derive(Debug)]
#[must_use = "a lineage that is not awaited is not continued"]
pub struct ContinueWithin {
    message: Continue,
    age: Duration,
    account: Share,
}

impl IntoFuture for ContinueWithin {
    type Output = Result<Continued, ContinueError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Reads and verifies; one line and one count for a refusal.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let wait = self.message.kest.limits().arrival_wait;
            let audit = self.message.kest.admitter().audit().cloned();
            // Also for a resolver of the user's own, which may ask anything.
            let read = match tokio::time::timeout(wait, self.read()).await {
                Ok(read) => read,
                Err(_elapsed) => Err(ContinueError::TookTooLong),
            };
            if let Err(error) = &read {
                error.report(audit.as_deref());
            }
            read
        })
    }
}

impl ContinueWithin {
    /// Verifies on the account of this queue. Long lineages are verified in the slots that the process has for all such work,
    /// and one account gets half of them at most: a flood in one queue holds up neither another nor requests. All messages
    /// without a queue are one account.
    pub fn queue(self, name: &str) -> Self {
        Self { account: Share::of_queue(name), ..self }
    }

    async fn read(self) -> Result<Continued, ContinueError> {
        let Self { message: Continue { kest, line }, age, account } = self;
        let limits = kest.limits();
        let line = line.ok_or(ContinueError::Missing)?;
        let packed = HeaderReader::new(limits.clone())
            .dialect(kest.0.verify.dialect)
            .read([line.as_bytes()])
            .map_err(ContinueError::Read)?;
        // One in a message has ended, or is a stranger's way to have the store asked.
        if packed.tier() == Some(Tier::ClaimCheck) {
            return Err(ContinueError::ClaimCheck);
        }
        let restored = restore(packed, None, limits).await;
        let passport = restored.map_err(ContinueError::Restore)?.passport();
        let passport = passport.filter(|it| !it.is_empty()).ok_or(ContinueError::Missing)?;
        let ring = kest.0.keys.ring_for(&passport).await.map_err(ContinueError::Keys)?;
        let verifier: Verifier = kest.verifier();
        let verified = if passport.len() <= limits.inline_verify_entries {
            verifier.verify(passport, &ring)
        } else {
            let slot = kest.0.slots.enter(account).await.map_err(ContinueError::NoSlot)?;
            let verified = tokio::task::spawn_blocking(move || {
                // Kept until the work ends, also when no consumer waits for it any more.
                let _slot = slot;
                verifier.verify(passport, &ring)
            });
            verified.await.map_err(|_cause| ContinueError::GaveUp)?
        };
        let passport = verified.map_err(ContinueError::Verify)?;
        Freshness::Within(age).check(&passport, kest.clock().as_ref(), limits).map_err(ContinueError::Age)?;
        let lineage = Lineage::Carried(passport);
        let caller =
            authenticate(&FromLineage, &Evidence::new(&lineage)).await.map_err(ContinueError::Caller)?;
        Ok(Continued { arrival: Arrival::new(lineage, caller), kest })
    }
}

/// The lineage of a message, verified.
#[derive(Debug, Clone)]
pub struct Continued {
    kest: Kest,
    arrival: Arrival,
}

impl Continued {
    /// Who is calling, and through whom.
    #[must_use]
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// Asks policy and signs the entry of `operation`, which follows the one that sent the message. Run the work with
    /// [`run_admitted`](crate::run_admitted).
    ///
    /// # Errors
    ///
    /// [`AdmitError`]; nothing may run then.
    pub async fn admit(
        &self,
        operation: &Operation,
        policy: &dyn Authorize,
    ) -> Result<Admission, AdmitError> {
        let service = self.kest.admitter();
        let admission = service.admit(&self.arrival, operation, policy, AdmitOptions::default());
        match tokio::time::timeout(service.limits().admission_wait, admission).await {
            Ok(admission) => admission,
            Err(_elapsed) => Err(AdmitError::timed_out(service, Step::Operation)),
        }
    }
}

/// The lineage of a message does not hold; its work may not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContinueError {
    /// The message has no lineage, or an empty one.
    #[error("message has no lineage")]
    Missing,
    /// Its baggage cannot be read.
    #[error("baggage of the message cannot be read")]
    Read(#[source] ReadError),
    /// It has a claim check, which is for calls: it ends long before a message is read.
    #[error("message has a claim check instead of its lineage")]
    ClaimCheck,
    /// The passport in it cannot be opened.
    #[error("passport of the message cannot be opened")]
    Restore(#[source] RestoreError),
    /// The keys of its signers are out of reach; a retry may help.
    #[error("keys are out of reach")]
    Keys(#[source] KeysUnavailable),
    /// The passport does not hold.
    #[error("passport of the message does not hold")]
    Verify(#[source] VerifyError),
    /// It is older than the message may be, or dated in the future.
    #[error("passport of the message is not of its time")]
    Age(#[source] NotFresh),
    /// The caller that the lineage names is not one.
    #[error("lineage of the message names no caller")]
    Caller(#[source] AuthenticateError),
    /// There is too much to verify at once, of this queue or of all; a retry may help.
    #[error("message cannot be verified now")]
    NoSlot(#[source] NoSlot),
    /// Keys did not answer within `Limits::arrival_wait`; a retry may help.
    #[error("message could not be verified in time")]
    TookTooLong,
    /// The process was ending.
    #[error("verification was given up")]
    GaveUp,
}

impl ContinueError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.explanation().kind()
    }

    fn explanation(&self) -> Explanation {
        const FROM_KEST: &str = "a message that kest::carry wrote the lineage of its operation into";
        let row = Explanation::new;
        match self {
            Self::Missing => row(
                "passport_missing",
                Actor::Caller,
                FROM_KEST,
                "let the sender carry its lineage; work that nothing caused is originated",
            ),
            Self::Read(_) => {
                row("baggage_malformed", Actor::Caller, FROM_KEST, "see what changes the message's headers")
            }
            Self::ClaimCheck => row(
                "claim_check_in_message",
                Actor::Caller,
                FROM_KEST,
                "a claim check in a message ends long before it is read: carry it with kest::carry",
            ),
            Self::Restore(_) => {
                row("passport_unreadable", Actor::Caller, FROM_KEST, "see what changes the message's headers")
            }
            Self::Keys(_) => row(
                "keys_unavailable",
                Actor::Dependency,
                "the keys of the workloads that the passport names",
                "see what the resolver of this service asks and whether it answers",
            ),
            Self::Verify(_) => row(
                "passport_invalid",
                Actor::Caller,
                "a passport whose entries, links, scores, taints and tips hold under trusted keys",
                "keep retired keys in the bundle for the longest time that a message may wait",
            ),
            Self::Age(_) => row(
                "passport_stale",
                Actor::Caller,
                "a passport that is no older than max_age",
                "raise max_age where messages wait longer, or see who sends an old one again",
            ),
            Self::Caller(_) => row(
                "credentials_invalid",
                Actor::Caller,
                "a lineage that names its caller",
                "see what wrote the entries",
            ),
            Self::NoSlot(taken) => without_slot(*taken),
            Self::TookTooLong => row(
                "took_too_long",
                Actor::Dependency,
                "an answer of what resolves keys within Limits::arrival_wait",
                "see whether it is there, and take the message again",
            ),
            Self::GaveUp => {
                row("overloaded", Actor::Dependency, "a running process", "let the next one take the message")
            }
        }
    }

    fn report(&self, audit: Option<&dyn Audit>) {
        let failure = if let Self::Verify(failure) = self { Some(failure) } else { None };
        let cause = match self {
            Self::Read(error) => Some(error.kind()),
            Self::Restore(error) => Some(error.kind()),
            Self::Verify(failure) => Some(failure.kind().as_str()),
            Self::Age(error) => Some(error.kind()),
            Self::Missing
            | Self::ClaimCheck
            | Self::Keys(_)
            | Self::Caller(_)
            | Self::NoSlot(_)
            | Self::TookTooLong
            | Self::GaveUp => None,
        };
        Refusal::new(Step::Message, self.explanation())
            .cause(cause)
            .index(failure.and_then(VerifyError::index))
            .unknown(failure.and_then(VerifyError::workload))
            .audited(audit)
            .report();
    }
}

fn without_slot(taken: NoSlot) -> Explanation {
    if taken == NoSlot::ShareUsedUp {
        return Explanation::new(
            "share_used_up",
            Actor::Caller,
            "a queue that has not used up its share of what verifies long lineages",
            "see what this queue holds so much of, and name each queue: ContinueWithin::queue",
        );
    }
    Explanation::new(
        "overloaded",
        Actor::Dependency,
        "a free slot among those that verifications of this process share",
        "take the message again later, or add replicas",
    )
}
