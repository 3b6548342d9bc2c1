//! Says what a receiver believes of which workload, beyond that its signature holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::VerifyErrorKind;
use super::lineage_claim;
use crate::entry::{Entry, IdentitySource, Labels, Parsed};
use crate::signature::WorkloadId;
use crate::trust::TrustScore;

/// Which workloads may bring a caller into a lineage, which may sanitize, and how much trust one may claim.
///
/// Without a rule every workload whose key is trusted may do all of it. A passport with an entry that breaks a rule is
/// refused as a whole: a lower score in its place would no longer agree with what was signed after it.
///
/// ```
/// use kest_core::passport::WorkloadRules;
/// use kest_core::signature::WorkloadId;
/// use kest_core::trust::TrustScore;
///
/// let gateway = WorkloadId::new("spiffe://example.org/gateway")?;
/// let partner = WorkloadId::new("spiffe://partner.example/feed")?;
/// let rules = WorkloadRules::default()
///     .introducers([gateway.clone()])                    // tokens are verified there and nowhere else
///     .sanitizers([])                                    // no one lifts trust
///     .highest_trust(partner, TrustScore::new(60)?);     // what a partner says is worth no more
/// # let _ = (gateway, rules);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct WorkloadRules {
    introducers: Option<Arc<BTreeSet<WorkloadId>>>,
    sanitizers: Option<Arc<BTreeSet<WorkloadId>>>,
    highest: Arc<BTreeMap<WorkloadId, TrustScore>>,
}

impl WorkloadRules {
    /// Lets only these workloads bring in a caller: entries whose identity comes from a token.
    #[must_use]
    pub fn introducers(mut self, workloads: impl IntoIterator<Item = WorkloadId>) -> Self {
        self.introducers = Some(Arc::new(workloads.into_iter().collect()));
        self
    }

    /// Lets only these workloads set a score or remove a taint.
    #[must_use]
    pub fn sanitizers(mut self, workloads: impl IntoIterator<Item = WorkloadId>) -> Self {
        self.sanitizers = Some(Arc::new(workloads.into_iter().collect()));
        self
    }

    /// Takes no entry of `workload` with more trust than `score`.
    #[must_use]
    pub fn highest_trust(mut self, workload: WorkloadId, score: TrustScore) -> Self {
        Arc::make_mut(&mut self.highest).insert(workload, score);
        self
    }

    pub(super) fn check(&self, parsed: &Parsed, parents: &[Arc<Entry>]) -> Result<(), VerifyErrorKind> {
        let refused = |allowed: &Option<Arc<BTreeSet<WorkloadId>>>| {
            allowed.as_ref().is_some_and(|allowed| !allowed.contains(&parsed.workload))
        };
        if refused(&self.introducers) && introduces(&parsed.labels, parents) {
            return Err(VerifyErrorKind::IntroducerNotAllowed);
        }
        if refused(&self.sanitizers) && sanitizes(parsed, parents) {
            return Err(VerifyErrorKind::SanitizerNotAllowed);
        }
        match self.highest.get(&parsed.workload) {
            Some(highest) if parsed.trust_score > *highest => Err(VerifyErrorKind::TrustOverCap),
            Some(_) | None => Ok(()),
        }
    }
}

/// The legacy dialect does not compare with the parents: there, names that are not theirs are new, whatever source is
/// given for them.
fn introduces(labels: &Labels, parents: &[Arc<Entry>]) -> bool {
    match labels.source() {
        Some(IdentitySource::Jwt) => true,
        Some(IdentitySource::Anonymous | IdentitySource::Unverified) => false,
        Some(IdentitySource::Lineage) | None => {
            labels.identity().is_some_and(|identity| !identity.names_none())
                && lineage_claim::follows(labels, parents.iter().map(|parent| parent.labels())).is_err()
        }
    }
}

/// The legacy dialect asks for no label: there, what only a sanitizer may do counts.
fn sanitizes(parsed: &Parsed, parents: &[Arc<Entry>]) -> bool {
    let least = parents.iter().map(|parent| parent.trust_score()).min();
    parsed.labels.sanitizer().is_some()
        || !parsed.removed.is_empty()
        || least.is_some_and(|least| parsed.trust_score > least)
}
