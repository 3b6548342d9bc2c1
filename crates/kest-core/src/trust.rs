//! Decides how far data can be trusted: origins, scores and how a score travels along the lineage.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::literal::literal;

/// How far something can be trusted, from 0 (not at all) to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustScore(u8);

impl TrustScore {
    /// Untouched by anything unsafe.
    pub const FULL: Self = Self(100);
    /// Not to be trusted at all.
    pub const NONE: Self = Self(0);
    /// What an origin is worth that was not described.
    pub const UNKNOWN_ORIGIN: Self = Self(10);

    /// A score of `value`.
    ///
    /// # Errors
    ///
    /// [`TrustError::OutOfRange`] above 100.
    pub fn new(value: u8) -> Result<Self, TrustError> {
        if value > 100 { Err(TrustError::OutOfRange(value)) } else { Ok(Self(value)) }
    }

    /// A score that stands in the program; in a `const` it is checked when that is compiled.
    ///
    /// # Panics
    ///
    /// Above 100.
    ///
    /// ```
    /// # use kest_core::trust::TrustScore;
    /// const CHECKED: TrustScore = TrustScore::from_static(80);
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn from_static(value: u8) -> Self {
        assert!(value <= 100, "trust score over 100");
        Self(value)
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> u8 {
        self.0
    }

    pub(crate) fn from_wire(value: i64) -> Option<Self> {
        u8::try_from(value).ok().and_then(|value| Self::new(value).ok())
    }

    /// `other` scaled by this many hundredths, rounded down: the product of the weakest-link rule.
    #[must_use]
    pub fn scaled_by(self, other: Self) -> Self {
        let product = u16::from(self.0) * u16::from(other.0) / 100;
        Self(u8::try_from(product).unwrap_or(100))
    }
}

impl fmt::Display for TrustScore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// Where data entered: the name of a row in the table of [`Origins`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Arc<str>);

impl Origin {
    /// An origin called `name`.
    ///
    /// # Errors
    ///
    /// [`TrustError::OriginName`] when `name` is empty or longer than 64 bytes.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, TrustError> {
        let name = name.into();
        if name.is_empty() || name.len() > 64 { Err(TrustError::OriginName) } else { Ok(Self(name)) }
    }

    /// An origin of a name that stands in the program.
    ///
    /// # Panics
    ///
    /// When the name is empty or longer than 64 bytes, with the literal and the line.
    #[must_use]
    #[track_caller]
    pub fn from_static(name: &'static str) -> Self {
        literal(name, Self::new(name))
    }

    /// The machine itself: timers, start-up work.
    #[must_use]
    pub fn system() -> Self {
        Self("system".into())
    }

    /// A service of the same deployment.
    #[must_use]
    pub fn internal() -> Self {
        Self("internal".into())
    }

    /// A retrieval source whose documents were checked.
    #[must_use]
    pub fn verified_rag() -> Self {
        Self("verified_rag".into())
    }

    /// A third party's service, under contract.
    #[must_use]
    pub fn third_party_api() -> Self {
        Self("third_party_api".into())
    }

    /// What a known person typed.
    #[must_use]
    pub fn user_input() -> Self {
        Self("user_input".into())
    }

    /// Anybody.
    #[must_use]
    pub fn internet() -> Self {
        Self("internet".into())
    }

    /// The output of a language model.
    #[must_use]
    pub fn llm() -> Self {
        Self("llm".into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What every origin is worth: the fixed rows of the protocol and those that a deployment adds.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    added: BTreeMap<Origin, TrustScore>,
}

impl Origins {
    /// Adds a row. Signer and verifier must both have it: a verifier grants an unknown origin 10 at most.
    ///
    /// # Errors
    ///
    /// [`TrustError::FixedOrigin`] for one of the protocol's own rows, [`TrustError::TooManyOrigins`] after 256.
    pub fn register(&mut self, origin: Origin, score: TrustScore) -> Result<(), TrustError> {
        if fixed(origin.as_str()).is_some() {
            return Err(TrustError::FixedOrigin);
        }
        if self.added.len() >= 256 {
            return Err(TrustError::TooManyOrigins);
        }
        self.added.insert(origin, score);
        Ok(())
    }

    /// The score of the origin called `name`; 10 when it was not described.
    #[must_use]
    pub fn score(&self, name: &str) -> TrustScore {
        fixed(name)
            .or_else(|| {
                self.added.iter().find(|(origin, _)| origin.as_str() == name).map(|(_, score)| *score)
            })
            .unwrap_or(TrustScore::UNKNOWN_ORIGIN)
    }
}

fn fixed(name: &str) -> Option<TrustScore> {
    let value = match name {
        "system" | "internal" => 100,
        "verified_rag" => 90,
        "third_party_api" => 60,
        "user_input" => 40,
        "internet" => 10,
        "llm" => 0,
        _ => return None,
    };
    Some(TrustScore(value))
}

/// Computes an operation's score from its own origin's and its parents'.
///
/// A result above the smallest parent's is cut to it: only a signed sanitizer raises trust. The result depends on the
/// arguments and on nothing else: an entry that was held to it once is not asked about again.
pub trait TrustEvaluator: fmt::Debug + Send + Sync {
    /// The score for an operation worth `own` whose parents score `parents` (never empty).
    fn calculate(&self, own: TrustScore, parents: &[TrustScore]) -> TrustScore;
}

/// The protocol's default: `floor(min(parents) * own / 100)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeakestLink;

impl TrustEvaluator for WeakestLink {
    fn calculate(&self, own: TrustScore, parents: &[TrustScore]) -> TrustScore {
        parents.iter().min().map_or(own, |weakest| weakest.scaled_by(own))
    }
}

/// An example of another rule: the weakest link counts for `weight` hundredths, the parents' mean for the rest.
///
/// Lenient towards one bad branch among many; verifiers must be configured with the same rule and weight.
#[derive(Debug, Clone, Copy)]
pub struct Weighted {
    weight: TrustScore,
}

impl Weighted {
    /// A rule that gives the weakest link `weight` hundredths.
    #[must_use]
    pub fn new(weight: TrustScore) -> Self {
        Self { weight }
    }
}

impl TrustEvaluator for Weighted {
    fn calculate(&self, own: TrustScore, parents: &[TrustScore]) -> TrustScore {
        let Some(weakest) = parents.iter().min() else {
            return own;
        };
        let sum: u64 = parents.iter().map(|parent| u64::from(parent.value())).sum();
        let count = u64::try_from(parents.len()).unwrap_or(u64::MAX);
        let weight = u64::from(self.weight.value());
        let mixed = (u64::from(weakest.value()) * weight + sum * (100 - weight) / count) / 100;
        TrustScore(u8::try_from(mixed).unwrap_or(100)).scaled_by(own)
    }
}

/// The rules of trust that a signer follows and a verifier holds others to.
#[derive(Debug, Clone)]
pub struct TrustModel {
    origins: Origins,
    evaluator: Arc<dyn TrustEvaluator>,
}

impl Default for TrustModel {
    fn default() -> Self {
        Self { origins: Origins::default(), evaluator: Arc::new(WeakestLink) }
    }
}

impl TrustModel {
    /// The protocol's origins and `evaluator`.
    #[must_use]
    pub fn new(origins: Origins, evaluator: Arc<dyn TrustEvaluator>) -> Self {
        Self { origins, evaluator }
    }

    /// The score of an operation of `origin` with these parents; a root's is its origin's own.
    ///
    /// No origin counts as `system`, as the specification has it (section 6.4).
    #[must_use]
    pub fn score(&self, origin: Option<&str>, parents: &[TrustScore]) -> TrustScore {
        let own = origin.map_or(TrustScore::FULL, |name| self.origins.score(name));
        match parents.iter().min() {
            None => own,
            Some(weakest) => self.evaluator.calculate(own, parents).min(*weakest),
        }
    }
}

/// A score, an origin or a rule is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Scores end at 100.
    #[error("trust score is over 100: {0}")]
    OutOfRange(u8),
    /// Origin names have 1 to 64 bytes.
    #[error("origin name is empty or over 64 bytes")]
    OriginName,
    /// The protocol's own origins keep their scores.
    #[error("origin is one of the protocol's own and cannot be changed")]
    FixedOrigin,
    /// The table of added origins is full.
    #[error("more than 256 origins were added")]
    TooManyOrigins,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: u8) -> TrustScore {
        TrustScore::new(value).unwrap()
    }

    #[test]
    fn weakest_link_multiplies_and_rounds_down() {
        let model = TrustModel::default();
        assert_eq!(model.score(Some("third_party_api"), &[score(60), score(10)]), score(6));
        assert_eq!(model.score(Some("verified_rag"), &[score(39)]), score(35));
        assert_eq!(model.score(None, &[score(10)]), score(10));
    }

    #[test]
    fn unknown_origin_is_worth_ten_at_a_root_and_later() {
        let model = TrustModel::default();
        assert_eq!(model.score(Some("martian"), &[]), score(10));
        assert_eq!(model.score(Some("martian"), &[score(100)]), score(10));
    }

    #[test]
    fn protocol_origins_cannot_be_redefined() {
        let mut origins = Origins::default();
        assert_eq!(origins.register(Origin::llm(), TrustScore::FULL), Err(TrustError::FixedOrigin));
        origins.register(Origin::new("partner").unwrap(), score(70)).unwrap();
        assert_eq!(origins.score("partner"), score(70));
        assert_eq!(origins.score("llm"), TrustScore::NONE);
    }

    #[test]
    fn evaluator_that_raises_trust_is_cut_to_the_weakest_parent() {
        #[derive(Debug)]
        struct Generous;
        impl TrustEvaluator for Generous {
            fn calculate(&self, _: TrustScore, _: &[TrustScore]) -> TrustScore {
                TrustScore::FULL
            }
        }
        let model = TrustModel::new(Origins::default(), Arc::new(Generous));
        assert_eq!(model.score(None, &[score(40), score(90)]), score(40));
    }

    #[test]
    fn weighted_rule_lies_between_weakest_and_mean_before_the_cut() {
        let rule = Weighted::new(score(50));
        assert_eq!(rule.calculate(TrustScore::FULL, &[score(20), score(100)]), score(40));
    }
}
