//! Proves a carried passport, entry by entry, before any of its content is used.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Passport, SeenEntries, Tips, UnverifiedPassport};
use crate::entry::{self, Entry, EntryHash, EntryId, FormError, Parents, Parsed};
use crate::limits::Limits;
use crate::reading::Reading;
use crate::signature::{KeyRing, PublicKey, WorkloadId};
use crate::taint::Taints;
use crate::trust::{TrustModel, TrustScore};

/// Step 3 of a request's life: restored passport in, proved passport out.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    limits: Limits,
    reading: Reading,
    trust: TrustModel,
    seen: Option<SeenEntries>,
}

impl Verifier {
    /// A verifier with these limits, strict reading and the protocol's own trust rules.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Reads this dialect.
    #[must_use]
    pub fn reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// Holds signers to these rules of trust.
    #[must_use]
    pub fn trust_model(mut self, trust: TrustModel) -> Self {
        self.trust = trust;
        self
    }

    /// Recognises entries that were verified before.
    #[must_use]
    pub fn remember(mut self, seen: SeenEntries) -> Self {
        self.seen = Some(seen);
        self
    }

    /// Verifies every entry of `passport` under the keys of `ring`, then its tips.
    ///
    /// The first failure wins; nothing after it is looked at.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] with the index of the entry that failed.
    pub fn verify(&self, passport: UnverifiedPassport, ring: &KeyRing) -> Result<Passport, VerifyError> {
        let (compacts, announced) = passport.into_parts();
        if compacts.len() > self.limits.entries {
            return Err(VerifyError::whole(VerifyErrorKind::TooManyEntries));
        }
        let mut walk = Walk::with_capacity(compacts.len());
        for (index, compact) in compacts.into_iter().enumerate() {
            let text = Arc::clone(&compact);
            self.verify_entry(&mut walk, compact, ring).map_err(|kind| self.failed(kind, index, &text))?;
        }
        let passport = walk.finish();
        match announced {
            Some(tips) => check_tips(&passport, &tips),
            None => Ok(()),
        }
        .map_err(VerifyError::whole)?;
        Ok(passport)
    }

    /// Names the workload where that is what has to be known to mend it: whose keys are missing.
    fn failed(&self, kind: VerifyErrorKind, index: usize, compact: &str) -> VerifyError {
        let unknown = matches!(kind, VerifyErrorKind::UnknownPrincipal | VerifyErrorKind::UnknownKey);
        let claimed =
            || entry::parse(compact, index == 0, self.reading, &self.limits).ok().map(|it| it.workload);
        let workload = if unknown { claimed() } else { None };
        VerifyError { kind, index: Some(index), workload }
    }

    fn verify_entry(
        &self,
        walk: &mut Walk,
        compact: Arc<str>,
        ring: &KeyRing,
    ) -> Result<(), VerifyErrorKind> {
        let first = walk.entries.is_empty();
        let parsed =
            entry::parse(&compact, first, self.reading, &self.limits).map_err(VerifyErrorKind::Form)?;
        if !walk.ids.insert(parsed.entry_id) {
            return Err(VerifyErrorKind::DuplicateEntry);
        }
        let parents = walk.parents(&parsed)?;
        let hash = EntryHash::of(&compact);
        self.verify_signature(&parsed, &compact, &hash, ring)?;
        match self.reading {
            Reading::Strict => check_trust(&self.trust, &parsed, &parents)?,
            Reading::LegacyPython => check_legacy_taints(&parsed, &parents, &walk.all_taints)?,
        }
        walk.push(Entry::new(compact, hash, parsed));
        Ok(())
    }

    fn verify_signature(
        &self,
        parsed: &Parsed,
        compact: &str,
        hash: &EntryHash,
        ring: &KeyRing,
    ) -> Result<(), VerifyErrorKind> {
        if !ring.knows(&parsed.workload) {
            return Err(VerifyErrorKind::UnknownPrincipal);
        }
        let message = compact.as_bytes().get(..parsed.signed_bytes).unwrap_or_default();
        let mut any = false;
        for key in ring.candidates(&parsed.workload, parsed.key_id.as_ref()) {
            any = true;
            if self.holds(key, hash, message, parsed) {
                return Ok(());
            }
        }
        Err(if any { VerifyErrorKind::BadSignature } else { VerifyErrorKind::UnknownKey })
    }

    fn holds(&self, key: &PublicKey, hash: &EntryHash, message: &[u8], parsed: &Parsed) -> bool {
        let Some(seen) = &self.seen else {
            return key.verifies(message, &parsed.signature);
        };
        if seen.contains(hash, key) {
            return true;
        }
        let holds = key.verifies(message, &parsed.signature);
        if holds {
            seen.remember(hash, key);
        }
        holds
    }
}

/// Protocol section 1 and 3: a score above what the parents and the origin allow, or a taint gone missing, needs a
/// signed sanitizer; the taints are the union of the direct parents', plus added, minus removed.
fn check_trust(model: &TrustModel, parsed: &Parsed, parents: &[Arc<Entry>]) -> Result<(), VerifyErrorKind> {
    let labels = &parsed.payload.labels;
    let sanitized = labels.sanitizer().is_some();
    let scores: Vec<TrustScore> = parents.iter().map(|parent| parent.trust_score()).collect();
    if !sanitized && parsed.trust_score > model.score(labels.origin(), &scores) {
        return Err(VerifyErrorKind::TrustRaised);
    }
    let mut expected = Taints::none();
    for parent in parents {
        expected.extend(parent.taints());
    }
    expected.extend(&parsed.added);
    if !sanitized && !parsed.removed.is_empty() {
        return Err(VerifyErrorKind::TaintDropped);
    }
    expected.remove_all(&parsed.removed);
    if parsed.taints == expected { Ok(()) } else { Err(VerifyErrorKind::TaintsDiffer) }
}

/// The first implementation takes taints from all earlier entries and signs no reasons: nothing may vanish that was
/// not declared as removed, and nothing may appear from nowhere.
fn check_legacy_taints(
    parsed: &Parsed,
    parents: &[Arc<Entry>],
    earlier: &Taints,
) -> Result<(), VerifyErrorKind> {
    let mut least = Taints::none();
    for parent in parents {
        least.extend(parent.taints());
    }
    least.extend(&parsed.added);
    least.remove_all(&parsed.removed);
    let mut most = earlier.clone();
    most.extend(&parsed.added);
    if parsed.taints.contains_all(&least) && most.contains_all(&parsed.taints) {
        Ok(())
    } else {
        Err(VerifyErrorKind::TaintsDiffer)
    }
}

fn check_tips(passport: &Passport, announced: &Tips) -> Result<(), VerifyErrorKind> {
    if passport.tips() == *announced { Ok(()) } else { Err(VerifyErrorKind::TipsDiffer) }
}

/// What has been proved so far.
struct Walk {
    entries: Vec<Arc<Entry>>,
    places: HashMap<EntryHash, usize>,
    has_child: Vec<bool>,
    ids: HashSet<EntryId>,
    all_taints: Taints,
}

impl Walk {
    fn with_capacity(count: usize) -> Self {
        Self {
            entries: Vec::with_capacity(count),
            places: HashMap::with_capacity(count),
            has_child: Vec::with_capacity(count),
            ids: HashSet::with_capacity(count),
            all_taints: Taints::none(),
        }
    }

    /// The parents of `parsed`, all of which must have been proved before it.
    fn parents(&mut self, parsed: &Parsed) -> Result<Vec<Arc<Entry>>, VerifyErrorKind> {
        let Parents::Entries(hashes) = &parsed.parents else {
            return Ok(Vec::new());
        };
        let mut parents = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let place = self.places.get(hash).copied().ok_or(VerifyErrorKind::BrokenLink)?;
            let parent = self.entries.get(place).ok_or(VerifyErrorKind::BrokenLink)?;
            parents.push(Arc::clone(parent));
        }
        Ok(parents)
    }

    fn push(&mut self, entry: Entry) {
        for hash in entry.parents() {
            if let Some(has_child) = self.places.get(hash).and_then(|place| self.has_child.get_mut(*place)) {
                *has_child = true;
            }
        }
        self.all_taints.extend(entry.taints());
        self.places.insert(entry.hash(), self.entries.len());
        self.has_child.push(false);
        self.entries.push(Arc::new(entry));
    }

    fn finish(self) -> Passport {
        let tips =
            self.has_child.iter().enumerate().filter(|(_, has)| !**has).map(|(place, _)| place).collect();
        Passport::new(self.entries, tips)
    }
}

/// A passport does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("passport does not hold: {kind}")]
pub struct VerifyError {
    kind: VerifyErrorKind,
    index: Option<usize>,
    workload: Option<WorkloadId>,
}

impl VerifyError {
    fn whole(kind: VerifyErrorKind) -> Self {
        Self { kind, index: None, workload: None }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> VerifyErrorKind {
        self.kind
    }

    /// Which entry is wrong, counted from 0; `None` when it is the passport as a whole.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The workload that the entry claims, where it is not one whose keys are trusted: a name that a stranger wrote,
    /// for the people who keep the bundle.
    #[must_use]
    pub fn workload(&self) -> Option<&WorkloadId> {
        self.workload.as_ref()
    }
}

/// Why a passport does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// An entry does not have the one accepted form.
    #[error("{0}")]
    Form(FormError),
    /// More entries than `Limits::entries`.
    #[error("too many entries")]
    TooManyEntries,
    /// Two entries have one id.
    #[error("an entry stands twice")]
    DuplicateEntry,
    /// A parent is not among the entries before.
    #[error("a parent is unknown")]
    BrokenLink,
    /// Nobody is trusted to sign for this principal.
    #[error("principal is unknown")]
    UnknownPrincipal,
    /// The `kid` is not one of this principal's keys.
    #[error("key is unknown or belongs to another principal")]
    UnknownKey,
    /// The signature is not the key's over these bytes.
    #[error("signature does not hold")]
    BadSignature,
    /// The score is above what parents and origin allow, without a signed sanitizer.
    #[error("trust was raised without a sanitizer")]
    TrustRaised,
    /// A taint was removed without a signed sanitizer.
    #[error("a taint was removed without a sanitizer")]
    TaintDropped,
    /// The taints are not the parents' union, plus added, minus removed.
    #[error("taints are not what the parents give")]
    TaintsDiffer,
    /// The passport does not end in the tips that were announced.
    #[error("chain tip differs")]
    TipsDiffer,
}

impl VerifyErrorKind {
    /// A stable name for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form(form) => form.as_str(),
            Self::TooManyEntries => "too_many_entries",
            Self::DuplicateEntry => "duplicate_entry",
            Self::BrokenLink => "broken_link",
            Self::UnknownPrincipal => "unknown_principal",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::TrustRaised => "trust_raised",
            Self::TaintDropped => "taint_dropped",
            Self::TaintsDiffer => "taints_differ",
            Self::TipsDiffer => "chain_tip_mismatch",
        }
    }
}
