//! Carries the labels of what is wrong with data, as sorted sets.

use std::collections::BTreeSet;
use std::collections::btree_set;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of taint labels, always in the order in which we write them (by code point).
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Taints(BTreeSet<Box<str>>);

impl Taints {
    /// No taints.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds one label; adding it twice changes nothing.
    pub fn insert(&mut self, taint: impl Into<Box<str>>) {
        self.0.insert(taint.into());
    }

    /// Whether `taint` is among them.
    #[must_use]
    pub fn contains(&self, taint: &str) -> bool {
        self.0.contains(taint)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The labels in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for taint in &other.0 {
            if !self.0.contains(taint) {
                self.0.insert(taint.clone());
            }
        }
    }

    /// Takes away all of `other`.
    pub fn remove_all(&mut self, other: &Self) {
        for taint in &other.0 {
            self.0.remove(taint);
        }
    }

    /// Whether every label of `other` is here too.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        self.0.is_superset(&other.0)
    }

    /// Whether each label is 1 to `bytes` long and there are at most `count`.
    #[must_use]
    pub fn fits(&self, count: usize, bytes: usize) -> bool {
        self.0.len() <= count && self.0.iter().all(|taint| !taint.is_empty() && taint.len() <= bytes)
    }
}

impl<Label: Into<Box<str>>> FromIterator<Label> for Taints {
    fn from_iter<Labels: IntoIterator<Item = Label>>(labels: Labels) -> Self {
        Self(labels.into_iter().map(Into::into).collect())
    }
}

impl<'taints> IntoIterator for &'taints Taints {
    type Item = &'taints Box<str>;
    type IntoIter = btree_set::Iter<'taints, Box<str>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Taints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

/// A list as it stood in an entry: its order is kept so that the canonical form can be compared.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TaintList(pub(crate) Vec<Box<str>>);

impl TaintList {
    /// The set; `None` when a label stands twice.
    pub(crate) fn to_set(&self) -> Option<Taints> {
        let set: BTreeSet<Box<str>> = self.0.iter().cloned().collect();
        (set.len() == self.0.len()).then_some(Taints(set))
    }
}

/// The list as we write it: sorted.
pub(crate) fn taint_list(taints: &Taints) -> TaintList {
    TaintList(taints.0.iter().cloned().collect())
}

impl<'de> Deserialize<'de> for Taints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = TaintList::deserialize(deserializer)?;
        list.to_set().ok_or_else(|| serde::de::Error::custom("a taint stands twice"))
    }
}
