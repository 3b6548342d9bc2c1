//! The one object of a test: its clock, its randomness, whom it trusts, and what its services have signed.

use std::sync::Arc;

use kest_core::signature::KeyRing;
use kest_core::{Admitter, AdmitterBuilder, Operation};
use kest_tower::{InboundBuilder, InboundLayer};

use crate::admission::TestAdmission;
use crate::clock::TestClock;
use crate::lineage::TestLineage;
use crate::random::SeededRandom;
use crate::signer::{SignedEntries, SignedEntry, TestSigner};
use crate::workload;

/// What services of one test share. Cheap to clone.
///
/// ```
/// use kest_testkit::TestKest;
///
/// let kit = TestKest::new(["gateway", "cart"]);
/// // With the crate `kest`: Kest::builder(kit.signer("cart")).trust(kit.keys()).clock(kit.clock())
/// assert_eq!(kit.keys().keys().count(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct TestKest(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    trusted: Vec<String>,
    clock: Arc<TestClock>,
    random: Arc<SeededRandom>,
    signed: SignedEntries,
}

impl TestKest {
    /// Services of a test in which the workloads of these names are trusted, and no others. It is 2026-01-01.
    #[must_use]
    pub fn new(trusted: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self::at(TestClock::default(), trusted)
    }

    /// The same by another clock: one that shows today, for services that read the machine's.
    #[must_use]
    pub fn at(clock: TestClock, trusted: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(Arc::new(Parts {
            trusted: trusted.into_iter().map(|name| name.as_ref().to_owned()).collect(),
            clock: Arc::new(clock),
            random: Arc::new(SeededRandom::new("kest-testkit")),
            signed: SignedEntries::default(),
        }))
    }

    /// The clock, for services and authenticators of the test.
    #[must_use]
    pub fn clock(&self) -> Arc<TestClock> {
        Arc::clone(&self.0.clock)
    }

    /// Randomness that is the same in each run.
    #[must_use]
    pub fn random(&self) -> Arc<SeededRandom> {
        Arc::clone(&self.0.random)
    }

    /// The names of the workloads that are trusted.
    pub fn trusted(&self) -> impl Iterator<Item = &str> {
        self.0.trusted.iter().map(String::as_str)
    }

    /// Their keys.
    ///
    /// # Panics
    ///
    /// When one of the names is not a workload's name.
    #[must_use]
    #[track_caller]
    pub fn keys(&self) -> KeyRing {
        workload::key_ring(self.trusted())
    }

    /// The signer of the workload called `name`, whether it is trusted or not. What it signs is [noted](Self::signed).
    ///
    /// # Panics
    ///
    /// When `name` is not a workload's name.
    #[must_use]
    #[track_caller]
    pub fn signer(&self, name: &str) -> TestSigner {
        TestSigner::noting(workload::signer(name), self.0.signed.clone())
    }

    /// What the [signers](Self::signer) of this kit have signed, in order.
    #[must_use]
    pub fn signed(&self) -> Vec<SignedEntry> {
        self.0.signed.all()
    }

    /// How many entries that is.
    pub(crate) fn signatures(&self) -> usize {
        self.0.signed.count()
    }

    /// The workload called `name`, for those who stand on kest-core or kest-tower alone: its signer, clock and randomness.
    ///
    /// # Panics
    ///
    /// When `name` is not a workload's name.
    #[track_caller]
    pub fn admitter(&self, name: &str) -> AdmitterBuilder {
        Admitter::builder(Arc::new(self.signer(name))).clock(self.clock()).random(self.random())
    }

    /// An inbound layer with the kit's keys and clock, for those who stand on kest-tower alone. It still has to be told
    /// where identity comes from.
    ///
    /// # Panics
    ///
    /// As [`keys`](Self::keys).
    #[track_caller]
    pub fn inbound(&self) -> InboundBuilder {
        InboundLayer::builder(Arc::new(self.keys())).clock(self.clock())
    }

    /// Begins a lineage.
    pub fn lineage(&self) -> TestLineage {
        TestLineage::new(self)
    }

    /// Begins an admission, for a handler that a test calls directly.
    ///
    /// # Panics
    ///
    /// When `operation` is not a name.
    #[track_caller]
    pub fn admission(&self, operation: &str) -> TestAdmission {
        use crate::fail::OrFail as _;
        TestAdmission::new(self, Operation::named(operation).or_fail("an operation"))
    }

    /// The same of an operation that is described already: with its origin, its taints, its resource.
    pub fn admission_of(&self, operation: Operation) -> TestAdmission {
        TestAdmission::new(self, operation)
    }
}
