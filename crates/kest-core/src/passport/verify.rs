//! Proves a carried passport, entry by entry, before any of its content is used.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{
    Passport, SeenEntries, Tips, UnverifiedPassport, VerifyError, VerifyErrorKind, WorkloadRules,
    lineage_claim,
};
use crate::dialect::Dialect;
use crate::entry::{self, Entry, EntryHash, EntryId, Parsed};
use crate::limits::Limits;
use crate::signature::{KeyRing, PublicKey};
use crate::taint::Taints;
use crate::trust::{TrustModel, TrustScore};

/// Step 3 of a request's life: restored passport in, proved passport out.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    settings: Arc<VerifySettings>,
    seen: Option<SeenEntries>,
}

/// By which rules a passport is verified: one value, so that none of them is lost on the way to the verifier.
///
/// Change single fields of the default:
///
/// ```
/// use kest_core::passport::VerifySettings;
/// use kest_core::{Dialect, Verifier};
///
/// let mut settings = VerifySettings::default();
/// settings.dialect = Dialect::LegacyPython;
/// let verifier = Verifier::with(settings);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VerifySettings {
    /// The bounds that passports and entries keep.
    pub limits: Limits,
    /// The dialect that is read.
    pub dialect: Dialect,
    /// The rules of trust that signers are held to.
    pub trust: TrustModel,
    /// What is believed of which workload.
    pub workloads: WorkloadRules,
}

impl Verifier {
    /// A verifier with these limits, strict reading and the protocol's own trust rules.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with(VerifySettings { limits, ..VerifySettings::default() })
    }

    /// A verifier that goes by `settings`.
    #[must_use]
    pub fn with(settings: VerifySettings) -> Self {
        Self { settings: Arc::new(settings), seen: None }
    }

    /// By which rules it verifies.
    #[must_use]
    pub fn settings(&self) -> &VerifySettings {
        &self.settings
    }

    /// Reads this dialect.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        Arc::make_mut(&mut self.settings).dialect = dialect;
        self
    }

    /// Holds signers to these rules of trust.
    #[must_use]
    pub fn trust_model(mut self, trust: TrustModel) -> Self {
        Arc::make_mut(&mut self.settings).trust = trust;
        self
    }

    /// Believes no more of each workload than this.
    #[must_use]
    pub fn workload_rules(mut self, workloads: WorkloadRules) -> Self {
        Arc::make_mut(&mut self.settings).workloads = workloads;
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
        if compacts.len() > self.settings.limits.entries {
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

    /// Verifies one entry that follows entries which were verified before, for readers to whom they come one by one, as in an
    /// audit log: its form, signature, links, score, taints and caller. `parent` finds an entry by its hash.
    ///
    /// In the legacy dialect a taint that comes from an earlier entry which is no parent is not traced.
    ///
    /// # Errors
    ///
    /// [`VerifyErrorKind::BrokenLink`] where a parent is not found, and as [`verify`](Self::verify).
    pub fn verify_next(
        &self,
        compact: &str,
        ring: &KeyRing,
        parent: impl Fn(&EntryHash) -> Option<Arc<Entry>>,
    ) -> Result<Arc<Entry>, VerifyErrorKind> {
        let hash = EntryHash::of(compact);
        let VerifySettings { limits, dialect, trust, workloads } = self.settings.as_ref();
        let parsed = entry::parse(compact, true, *dialect, limits).map_err(VerifyErrorKind::Form)?;
        let parents: Option<Vec<_>> = parsed.parents.hashes().iter().map(parent).collect();
        let parents = parents.ok_or(VerifyErrorKind::BrokenLink)?;
        self.verify_signature(&parsed, compact, &hash, ring)?;
        match dialect {
            Dialect::Strict => {
                check_trust(trust, &parsed, &parents)?;
                lineage_claim::check(&parsed.labels, parents.iter().map(|parent| parent.labels()))?;
            }
            Dialect::LegacyPython => {
                let declared = parsed.taints.iter().map(Into::into).collect();
                check_legacy_taints(&parsed, &parents, &declared)?;
            }
        }
        workloads.check(&parsed, &parents)?;
        Ok(Arc::new(Entry::new(compact.into(), hash, parsed)))
    }

    /// Names the workload where that is what has to be known to mend it: whose keys are missing.
    fn failed(&self, kind: VerifyErrorKind, index: usize, compact: &str) -> VerifyError {
        let VerifySettings { limits, dialect, .. } = self.settings.as_ref();
        let unknown = matches!(
            kind,
            VerifyErrorKind::UnknownPrincipal | VerifyErrorKind::UnknownKey | VerifyErrorKind::KeyExpired
        );
        let claimed = || entry::parse(compact, index == 0, *dialect, limits).ok().map(|it| it.workload);
        let workload = if unknown { claimed() } else { None };
        VerifyError { kind, index: Some(index), workload }
    }

    fn verify_entry(
        &self,
        walk: &mut Walk,
        compact: Arc<str>,
        ring: &KeyRing,
    ) -> Result<(), VerifyErrorKind> {
        let hash = EntryHash::of(&compact);
        if let Some(entry) = self.seen(&hash, ring) {
            return walk.take(entry);
        }
        let VerifySettings { limits, dialect, trust, workloads } = self.settings.as_ref();
        let first = walk.entries.is_empty();
        let parsed = entry::parse(&compact, first, *dialect, limits).map_err(VerifyErrorKind::Form)?;
        walk.claim(parsed.entry_id)?;
        let parents = walk.parents(parsed.parents.hashes())?;
        let key = self.verify_signature(&parsed, &compact, &hash, ring)?;
        match dialect {
            Dialect::Strict => {
                check_trust(trust, &parsed, &parents)?;
                let said = parents.iter().map(|parent| parent.labels());
                lineage_claim::check(&parsed.labels, said)?;
            }
            Dialect::LegacyPython => {
                check_legacy_taints(&parsed, &parents, &walk.all_taints)?;
                walk.keep_taints(&parsed.taints);
            }
        }
        workloads.check(&parsed, &parents)?;
        let key_id = parsed.key_id.clone();
        let entry = Arc::new(Entry::new(compact, hash, parsed));
        if let Some(seen) = &self.seen {
            seen.remember(&entry, key_id, key, &self.settings);
        }
        walk.push(entry);
        Ok(())
    }

    /// The entry of this hash, where everything about it but its place in the passport is proved already. What the legacy
    /// dialect asks of an entry depends on its place, so there each is proved again.
    fn seen(&self, hash: &EntryHash, ring: &KeyRing) -> Option<Arc<Entry>> {
        let seen = self.seen.as_ref().filter(|_| self.settings.dialect == Dialect::Strict)?;
        seen.entry(hash, &self.settings, ring)
    }

    /// The key that signed.
    fn verify_signature<'ring>(
        &self,
        parsed: &Parsed,
        compact: &str,
        hash: &EntryHash,
        ring: &'ring KeyRing,
    ) -> Result<&'ring PublicKey, VerifyErrorKind> {
        if !ring.knows(&parsed.workload) {
            return Err(VerifyErrorKind::UnknownPrincipal);
        }
        let message = compact.as_bytes().get(..parsed.signed_bytes).unwrap_or_default();
        let mut refused = VerifyErrorKind::UnknownKey;
        for (key, not_after) in ring.candidates(&parsed.workload, parsed.key_id.as_ref()) {
            // Judged each time, also for an entry that is remembered: the key may have been retired since.
            if not_after.is_some_and(|end| !end.admits(parsed.timestamp_ms)) {
                if refused == VerifyErrorKind::UnknownKey {
                    refused = VerifyErrorKind::KeyExpired;
                }
                continue;
            }
            if self.holds(key, hash, message, parsed) {
                return Ok(key);
            }
            refused = VerifyErrorKind::BadSignature;
        }
        Err(refused)
    }

    fn holds(&self, key: &PublicKey, hash: &EntryHash, message: &[u8], parsed: &Parsed) -> bool {
        let known = self.seen.as_ref().is_some_and(|seen| seen.is_signed_by(hash, key));
        known || key.verifies(message, &parsed.signature)
    }
}

/// Protocol section 1 and 3: a score above what the parents and the origin allow, or a taint gone missing, needs a
/// signed sanitizer; the taints are the union of the direct parents', plus added, minus removed.
fn check_trust(model: &TrustModel, parsed: &Parsed, parents: &[Arc<Entry>]) -> Result<(), VerifyErrorKind> {
    let labels = &parsed.labels;
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
    earlier: &HashSet<Box<str>>,
) -> Result<(), VerifyErrorKind> {
    let mut least = Taints::none();
    for parent in parents {
        least.extend(parent.taints());
    }
    least.extend(&parsed.added);
    least.remove_all(&parsed.removed);
    // Looked up one by one: a copy of all earlier taints for each entry would make the walk quadratic.
    let known = |taint: &str| earlier.contains(taint) || parsed.added.contains(taint);
    if parsed.taints.contains_all(&least) && parsed.taints.iter().all(known) {
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
    /// What the legacy dialect asks about: the taints of all entries so far.
    all_taints: HashSet<Box<str>>,
}

impl Walk {
    fn with_capacity(count: usize) -> Self {
        Self {
            entries: Vec::with_capacity(count),
            places: HashMap::with_capacity(count),
            has_child: Vec::with_capacity(count),
            ids: HashSet::with_capacity(count),
            all_taints: HashSet::new(),
        }
    }

    /// No other entry of the passport may have this id.
    fn claim(&mut self, id: EntryId) -> Result<(), VerifyErrorKind> {
        if self.ids.insert(id) { Ok(()) } else { Err(VerifyErrorKind::DuplicateEntry) }
    }

    /// Puts an entry at the end that is proved but for its place.
    fn take(&mut self, entry: Arc<Entry>) -> Result<(), VerifyErrorKind> {
        self.claim(entry.entry_id())?;
        if !entry.parents().iter().all(|parent| self.places.contains_key(parent)) {
            return Err(VerifyErrorKind::BrokenLink);
        }
        self.push(entry);
        Ok(())
    }

    /// The parents of these hashes, all of which must have been proved before.
    fn parents(&self, hashes: &[EntryHash]) -> Result<Vec<Arc<Entry>>, VerifyErrorKind> {
        let mut parents = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let place = self.places.get(hash).copied().ok_or(VerifyErrorKind::BrokenLink)?;
            let parent = self.entries.get(place).ok_or(VerifyErrorKind::BrokenLink)?;
            parents.push(Arc::clone(parent));
        }
        Ok(parents)
    }

    fn keep_taints(&mut self, taints: &Taints) {
        for taint in taints {
            if !self.all_taints.contains(taint) {
                self.all_taints.insert(taint.into());
            }
        }
    }

    fn push(&mut self, entry: Arc<Entry>) {
        for hash in entry.parents() {
            if let Some(has_child) = self.places.get(hash).and_then(|place| self.has_child.get_mut(*place)) {
                *has_child = true;
            }
        }
        self.places.insert(entry.hash(), self.entries.len());
        self.has_child.push(false);
        self.entries.push(entry);
    }

    fn finish(self) -> Passport {
        let tips =
            self.has_child.iter().enumerate().filter(|(_, has)| !**has).map(|(place, _)| place).collect();
        Passport::new(self.entries, tips)
    }
}
