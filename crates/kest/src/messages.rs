//! Lineages of messages: a job in a queue has a cause, and continues the lineage of the operation that put it there.

use std::collections::{BTreeMap, HashMap};
use std::future::IntoFuture;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::Once;
use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use kest_baggage::trace::Remote;
use kest_baggage::{HeaderReader, InjectError, PackError, Tier, Tiers, packed_once, restore};
use kest_core::passport::Freshness;
use kest_core::refusal::Step;
use kest_core::signature::ResolveKeys as _;
use kest_core::span::{self, OperationSpan};
use kest_core::trust::Origin;
use kest_core::{
    Admission, AdmitError, AdmitOptions, Arrival, Authorize, Evidence, FromLineage, Lineage, Operation,
    Share, TraceContext, TraceState, Verifier, authenticate,
};
use tracing::{Instrument as _, Span};

use crate::continue_error::ContinueError;
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
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Writes the lineage of `admission` into the headers of a message, beside the baggage of others that stands there.
///
/// It is written inline or compressed, never as a claim check, which would have ended before the message is read. `traceparent` and
/// `tracestate` name the span that sends it, as those of requests do, unless the message has a `traceparent`.
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
    name_the_trace(admission, carrier);
    Ok(())
}

/// One that the program wrote stays.
fn name_the_trace(admission: &Admission, carrier: &mut (impl Carrier + ?Sized)) {
    if carrier.get(TRACEPARENT).is_some() {
        return;
    }
    let mut headers = HeaderMap::new();
    kest_baggage::trace::carry(&mut headers, admission);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(parent) = text(TRACEPARENT) else { return };
    carrier.set(TRACEPARENT, parent);
    // A state that stands there belongs to another span.
    let stale = carrier.get(TRACESTATE).map(|_| String::new());
    if let Some(state) = text(TRACESTATE).or(stale) {
        carrier.set(TRACESTATE, state);
    }
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
    sent_from: Option<TraceContext>,
}

impl Continue {
    pub(crate) fn new(kest: &Kest, carrier: &(impl Carrier + ?Sized)) -> Self {
        let sent_from = carrier.get(TRACEPARENT).and_then(TraceContext::parse);
        let sent_from = sent_from.map(|it| it.with_state(TraceState::parse(carrier.get(TRACESTATE))));
        Self { kest: kest.clone(), line: carrier.get(BAGGAGE).map(str::to_owned), sent_from }
    }

    /// Takes messages whose last operation was signed at most this long ago: as long as one may wait in the queue. The keys of
    /// its signers have to be trusted for that long too.
    pub fn max_age(self, age: Duration) -> ContinueWithin {
        let belief = if self.kest.0.binding.believes_all() { Belief::InFull } else { Belief::Shown };
        ContinueWithin { message: self, age, account: Share::of_queue(""), belief }
    }
}

/// A [`Continue`] that knows how old the message may be.
///
/// Nothing ties a passport to a message: one that was copied from a request can be put into a queue, and its end cut off before. So
/// its history is continued and its taints count, while its trust is worth at most that of `internet`, or of the job's own origin, its
/// caller is anonymous, and policies see `environment.hop_proof` = `none`. The service that believes all who can write to a queue
/// says [`dangerous_bearer_passports`](Self::dangerous_bearer_passports), here or of its [`Kest`](crate::KestBuilder::dangerous_bearer_passports).
#[derive(Debug)]
#[must_use = "a lineage that is not awaited is not continued"]
pub struct ContinueWithin {
    message: Continue,
    age: Duration,
    account: Share,
    belief: Belief,
}

/// What a passport counts for that nothing ties to the message which it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belief {
    /// What happened is kept and its taints count. It lifts no trust and makes no caller.
    Shown,
    /// As if its last signer had put it there.
    InFull,
}

impl IntoFuture for ContinueWithin {
    type Output = Result<Continued, ContinueError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Reads and verifies; one line and one count for a refusal.
    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let span = span::inbound_message();
            let remote = self.message.sent_from.take().map(|context| Remote::of(context, &span));
            let open = remote.as_ref().is_some_and(Remote::is_open);
            let around = if open { Span::none() } else { span.clone() };
            let kest = self.message.kest.clone();
            // Also for a resolver of the user's own, which may ask anything.
            let read = match tokio::time::timeout(kest.limits().arrival_wait, self.read())
                .instrument(around)
                .await
            {
                Ok(read) => read,
                Err(_elapsed) => Err(ContinueError::TookTooLong),
            };
            match read {
                Ok(arrival) => {
                    // Nothing ties the headers of a message to its lineage.
                    let signed = remote.filter(|remote| arrival.has_signed(remote.context().trace_id()));
                    let arrival =
                        signed.map(Remote::continued).into_iter().fold(arrival, Arrival::with_trace);
                    Ok(Continued { kest, arrival, span })
                }
                Err(error) => {
                    drop(remote);
                    let audit = kest.admitter().audit().map(AsRef::as_ref);
                    span.in_scope(|| error.report(audit));
                    span::refused(&span, Step::Message, error.kind(), error.cause());
                    Err(error)
                }
            }
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

    /// Believes who the lineage says is calling, and its trust, as those of a request that its last signer made.
    ///
    /// What is given up: each program that can write to this queue can act for each caller whose passport it has seen, in a
    /// request, a log or another message, for as long as `max_age` says, with entries cut off the end.
    ///
    /// ```
    /// # use std::{collections::HashMap, time::Duration};
    /// # use kest::prelude::*;
    /// # async fn example(kest: &Kest, headers: &HashMap<String, String>) -> Result<(), kest::ContinueError> {
    /// let within = kest.continue_from(headers).max_age(Duration::from_secs(3600)).queue("invoices");
    /// let message = within.dangerous_bearer_passports().await?;
    /// # drop(message);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "bearer")]
    pub fn dangerous_bearer_passports(self) -> Self {
        Self { belief: Belief::InFull, ..self }
    }

    async fn read(self) -> Result<Arrival, ContinueError> {
        let Self { message: Continue { kest, line, .. }, age, account, belief } = self;
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
        belief.value(Lineage::Carried(passport)).await
    }
}

impl Belief {
    /// What the service makes of a message whose lineage holds.
    async fn value(self, lineage: Lineage) -> Result<Arrival, ContinueError> {
        let seen = match self {
            Self::InFull => &lineage,
            Self::Shown => &Lineage::Absent,
        };
        let caller = authenticate(&FromLineage, &Evidence::new(seen)).await.map_err(ContinueError::Caller)?;
        let arrival = Arrival::new(lineage, caller);
        Ok(match self {
            Self::InFull => arrival,
            Self::Shown => {
                say_what_is_lost(arrival.lineage());
                arrival.never_lifting()
            }
        })
    }
}

/// One line of a process, at the first message whose caller is not believed: the jobs of a consumer that counted on it are denied.
fn say_what_is_lost(lineage: &Lineage) {
    static SAID: Once = Once::new();
    if SAID.is_completed() {
        return;
    }
    if FromLineage::attested(lineage).share().is_some() {
        SAID.call_once(|| {
            tracing::warn!(
                step = Step::Message.as_str(),
                "callers that messages name are not believed and their trust lifts nothing, since nothing ties a passport to a \
                 message; a service that believes all who can write to its queue says dangerous_bearer_passports()"
            );
        });
    }
}

/// The lineage of a message, verified.
#[derive(Debug, Clone)]
pub struct Continued {
    kest: Kest,
    arrival: Arrival,
    span: Span,
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
        // What a passport that is not believed is worth at most: a message comes from outside, as a request does.
        let options = AdmitOptions::default().with_root_origin(Origin::internet());
        let span = OperationSpan::begin_within(operation.name(), &self.span);
        let around = span.span().clone();
        let in_time = tokio::time::sleep(service.limits().admission_wait);
        let admission = service.admit_by(&self.arrival, operation, policy, options.with_span(span), in_time);
        admission.instrument(around).await
    }
}
