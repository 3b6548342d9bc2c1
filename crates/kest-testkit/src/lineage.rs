//! Lineages that hold: passports of any number of hops, by workloads, callers and operations that a test names.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{AdmitOptions, Admitter, Arrival, FromLineage, Lineage, Operation, Passport};

use crate::caller::{TestCaller, proved_by};
use crate::clock::TestClock;
use crate::fail::OrFail as _;
use crate::header;
use crate::kit::TestKest;
use crate::now::now;
use crate::tamper::Tamper;
use crate::workload;

/// A lineage under construction: every entry is signed by the workload that it names, as that workload would do it.
///
/// ```
/// use kest_core::Operation;
/// use kest_core::trust::Origin;
/// use kest_testkit::{Tamper, TestCaller, TestKest};
///
/// let kit = TestKest::new(["gateway", "cart", "stock"]);
/// let lineage = kit
///     .lineage()
///     .caller(TestCaller::user("alice"))
///     .origin(Origin::user_input())
///     .hop("gateway")
///     .hop_as("cart", Operation::from_static("import_feed").taint("feed"));
/// assert_eq!(lineage.passport().len(), 2);
/// assert!(lineage.passport().taints().contains("feed"));
/// // What to send, and what to send in order to be refused:
/// let (honest, forged) = (lineage.baggage(), lineage.tampered(Tamper::TipReplaced));
/// # assert_ne!(honest, forged);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TestLineage {
    kit: TestKest,
    caller: TestCaller,
    origin: Origin,
    age: Duration,
    hops: Vec<(String, Operation)>,
}

impl TestLineage {
    pub(crate) fn new(kit: &TestKest) -> Self {
        Self {
            kit: kit.clone(),
            caller: TestCaller::user("alice"),
            origin: Origin::system(),
            age: Duration::ZERO,
            hops: Vec::new(),
        }
    }

    /// Begins with this caller, whose token the first workload verified; alice otherwise.
    pub fn caller(mut self, caller: TestCaller) -> Self {
        self.caller = caller;
        self
    }

    /// Begins with data of this origin, which bounds all trust that follows; `system` otherwise, which is worth 100.
    pub fn origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Was signed so long ago, by the kit's clock.
    pub fn aged(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Goes on through the workload called `name`.
    ///
    /// # Panics
    ///
    /// Never: the operation is named by the number of the hop.
    #[track_caller]
    pub fn hop(self, name: &str) -> Self {
        let operation = Operation::named(format!("hop {}", self.hops.len() + 1)).or_fail("an operation");
        self.hop_as(name, operation)
    }

    /// Goes on through the workload called `name`, which does this: with a taint, an origin, a sanitizer, a resource.
    pub fn hop_as(mut self, name: &str, operation: Operation) -> Self {
        self.hops.push((name.to_owned(), operation));
        self
    }

    /// Goes on through so many workloads that the kit trusts, one after the other.
    pub fn hops(mut self, count: usize) -> Self {
        let names: Vec<String> = self.kit.trusted().map(str::to_owned).collect();
        for name in names.iter().cycle().take(count) {
            self = self.hop(name);
        }
        self
    }

    pub(crate) fn kit(&self) -> &TestKest {
        &self.kit
    }

    pub(crate) fn len(&self) -> usize {
        self.hops.len()
    }

    /// The passport: verified, since it was never out of sight. Empty without a hop.
    ///
    /// # Panics
    ///
    /// When an operation cannot be signed.
    #[must_use]
    #[track_caller]
    pub fn passport(&self) -> Passport {
        let clock = TestClock::of(self.kit.clock().as_ref());
        clock.turn_back(self.age);
        let mut lineage = Lineage::Absent;
        for (name, operation) in &self.hops {
            let caller = match lineage.passport() {
                Some(_) => proved_by(&FromLineage, &lineage),
                None => self.caller.proved(),
            };
            let kest = Admitter::builder(workload::signer(name))
                .clock(Arc::new(clock.clone()))
                .random(self.kit.random())
                .build();
            let options = AdmitOptions::default().with_root_origin(self.origin.clone());
            let arrival = Arrival::new(lineage, caller);
            let policy = dangerous_allow_all();
            let admitted = now(kest.admit(&arrival, operation, &policy, options));
            let admission = admitted.or_fail("an operation of a lineage");
            lineage = Lineage::Carried(admission.passport().clone());
        }
        lineage.passport().cloned().unwrap_or_else(Passport::empty)
    }

    /// Has the workload of the last hop send `request`: with the passport, and with the proof that it made this very request. See
    /// [`TestKest::send`].
    ///
    /// ```
    /// use http::Request;
    /// use kest_testkit::TestKest;
    ///
    /// let kit = TestKest::new(["gateway", "service"]);
    /// let request = Request::post("https://service.example/call").body("{}".to_owned()).unwrap();
    /// let sent = kit.lineage().hop("gateway").send(request);
    /// assert!(sent.headers().contains_key("baggage") && sent.headers().contains_key("signature"));
    /// ```
    ///
    /// # Panics
    ///
    /// Without a hop, or when the request names no authority.
    #[track_caller]
    pub fn send<B: AsRef<[u8]>>(&self, request: http::Request<B>) -> http::Request<B> {
        self.kit.send(self.last_workload(), &self.passport(), request)
    }

    #[track_caller]
    pub(crate) fn last_workload(&self) -> &str {
        let (last, _operation) = self.hops.last().or_fail("a hop");
        last
    }

    pub(crate) fn workload_before_the_last(&self) -> Option<&str> {
        self.hops.iter().rev().nth(1).map(|(name, _operation)| name.as_str())
    }

    /// The compact entries, the root first.
    ///
    /// # Panics
    ///
    /// As [`passport`](Self::passport).
    #[must_use]
    #[track_caller]
    pub fn entries(&self) -> Vec<String> {
        self.passport().entries().iter().map(|entry| entry.compact().to_owned()).collect()
    }

    /// The `baggage` header that carries it.
    ///
    /// # Panics
    ///
    /// As [`passport`](Self::passport).
    #[must_use]
    #[track_caller]
    pub fn baggage(&self) -> HeaderValue {
        let entries = self.entries();
        value(&header::baggage(&entries, &header::tip(&entries)))
    }

    /// The `baggage` header that carries it after an attacker has had it.
    ///
    /// # Panics
    ///
    /// As [`passport`](Self::passport), and when it has fewer than two hops.
    #[must_use]
    #[track_caller]
    pub fn tampered(&self, how: Tamper) -> HeaderValue {
        let (entries, tip) = how.tampered(self);
        value(&header::baggage(&entries, &tip))
    }
}

/// A header's value.
#[track_caller]
pub(crate) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).or_fail("a header's value")
}
