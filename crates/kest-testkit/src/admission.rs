//! An admission for a handler that a test calls directly, without a router.

use std::sync::Arc;

use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{
    Admission, AdmitOptions, Arrival, Authorize, FromLineage, Lineage, Operation, PassportBinding,
};

use crate::caller::{TestCaller, proved_by};
use crate::fail::OrFail as _;
use crate::kit::TestKest;
use crate::lineage::TestLineage;
use crate::now::now;

/// An admission under construction: signed by the workload `service`, allowed by every policy, for alice.
///
/// ```
/// use kest_core::Admission;
/// use kest_testkit::{TestCaller, TestKest};
///
/// // A handler.
/// fn greet(admission: &Admission) -> String {
///     format!("hello {}", admission.caller().user().unwrap_or("stranger"))
/// }
///
/// let kit = TestKest::new(["gateway"]);
/// let admission = kit.admission("greet").caller(TestCaller::user("bob")).admit();
/// assert_eq!(greet(&admission), "hello bob");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TestAdmission {
    kit: TestKest,
    service: String,
    operation: Operation,
    caller: Option<TestCaller>,
    lineage: Option<TestLineage>,
    binding: PassportBinding,
    policy: Arc<dyn Authorize>,
}

impl TestAdmission {
    pub(crate) fn new(kit: &TestKest, operation: Operation) -> Self {
        Self {
            kit: kit.clone(),
            service: "service".to_owned(),
            operation,
            caller: None,
            lineage: None,
            binding: PassportBinding::Signature,
            policy: Arc::new(dangerous_allow_all()),
        }
    }

    /// Called by this one, who proved it with a token. Otherwise by alice, or, where there is a
    /// [lineage](Self::lineage), by the one whom it names.
    pub fn caller(mut self, caller: TestCaller) -> Self {
        self.caller = Some(caller);
        self
    }

    /// After these hops; at the root of a lineage otherwise.
    pub fn lineage(mut self, lineage: TestLineage) -> Self {
        self.lineage = Some(lineage);
        self
    }

    /// Whose lineage is tied to its request by this; by a signature otherwise, as behind an inbound layer with
    /// [`hop_proof`](kest_tower::InboundBuilder::hop_proof).
    pub fn binding(mut self, binding: PassportBinding) -> Self {
        self.binding = binding;
        self
    }

    /// Signed by the workload of this name.
    pub fn service(mut self, name: &str) -> Self {
        name.clone_into(&mut self.service);
        self
    }

    /// Asks this policy, which every nested operation of the handler's own then has nothing to do with.
    pub fn policy(mut self, policy: impl Authorize + 'static) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// The admission. An operation that says nothing of its origin is worth 100 at a root.
    ///
    /// # Panics
    ///
    /// When the policy says no, or waits for something, or the entry cannot be signed.
    #[must_use]
    #[track_caller]
    pub fn admit(self) -> Admission {
        let lineage = match self.lineage.as_ref().map(TestLineage::passport) {
            Some(passport) => Lineage::Carried(passport),
            None => Lineage::Absent,
        };
        let caller = match (self.caller, lineage.passport()) {
            (Some(caller), _) => caller.proved(),
            (None, Some(_)) => proved_by(&FromLineage, &lineage),
            (None, None) => TestCaller::user("alice").proved(),
        };
        let service = self.kit.admitter(&self.service).build();
        let options = AdmitOptions::default().with_root_origin(Origin::system());
        let binding = if lineage.passport().is_some() { self.binding } else { PassportBinding::Unbound };
        let arrival = Arrival::new(lineage, caller).with_binding(binding);
        now(service.admit(&arrival, &self.operation, self.policy.as_ref(), options)).or_fail("an admission")
    }
}
