//! Carries the labels of what is wrong with data, as sorted sets.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Peekable;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::row::{Growing, Row, RowIter};

/// A set of taint labels, always in the order in which we write them (by code point).
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Taints(Row);

impl Taints {
    /// No taints.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds one label; adding it twice changes nothing.
    pub fn insert(&mut self, taint: impl Into<Box<str>>) {
        self.extend(&Self([taint.into().as_ref()].into_iter().collect()));
    }

    /// Whether `taint` is among them.
    #[must_use]
    pub fn contains(&self, taint: &str) -> bool {
        self.iter().any(|own| own == taint)
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
    #[must_use]
    pub fn iter(&self) -> TaintsIter<'_> {
        TaintsIter(self.0.iter())
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
        } else if !self.contains_all(other) {
            self.0 = merged(&self.0, &other.0);
        }
    }

    /// Takes away all of `other`.
    pub fn remove_all(&mut self, other: &Self) {
        if !self.is_empty() && !other.is_empty() {
            let mut gone = other.0.iter().peekable();
            self.0 = self.0.iter().filter(|taint| !meets(&mut gone, taint)).collect();
        }
    }

    /// Whether every label of `other` is here too.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        let mut own = self.0.iter().peekable();
        other.len() <= self.len() && other.iter().all(|taint| meets(&mut own, taint))
    }

    /// Whether each label is 1 to `bytes` long and there are at most `count`.
    #[must_use]
    pub fn fits(&self, count: usize, bytes: usize) -> bool {
        self.len() <= count && self.iter().all(|taint| !taint.is_empty() && taint.len() <= bytes)
    }

    /// The set of `labels`, which may come in any order.
    fn of(mut labels: Vec<&str>) -> Self {
        labels.sort_unstable();
        labels.dedup();
        Self(labels.into_iter().collect())
    }
}

/// Whether `taint` is among `sorted`, of which everything before it is left behind.
fn meets(sorted: &mut Peekable<RowIter<'_>>, taint: &str) -> bool {
    while sorted.next_if(|next| *next < taint).is_some() {}
    sorted.peek() == Some(&taint)
}

/// All texts of two rows in order, each once.
fn merged(one: &Row, two: &Row) -> Row {
    let (mut one, mut two) = (one.iter().peekable(), two.iter().peekable());
    let mut growing = Growing::default();
    loop {
        let order = match (one.peek(), two.peek()) {
            (Some(first), Some(second)) => first.cmp(second),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return growing.finish(),
        };
        if order == Ordering::Equal {
            two.next();
        }
        let next = if order == Ordering::Greater { two.next() } else { one.next() };
        next.into_iter().for_each(|text| growing.push(text));
    }
}

impl<Label: Into<Box<str>>> FromIterator<Label> for Taints {
    fn from_iter<Labels: IntoIterator<Item = Label>>(labels: Labels) -> Self {
        let labels: Vec<Box<str>> = labels.into_iter().map(Into::into).collect();
        Self::of(labels.iter().map(AsRef::as_ref).collect())
    }
}

impl<'taints> IntoIterator for &'taints Taints {
    type Item = &'taints str;
    type IntoIter = TaintsIter<'taints>;

    fn into_iter(self) -> TaintsIter<'taints> {
        self.iter()
    }
}

/// Goes through taints in order.
#[derive(Debug, Clone)]
pub struct TaintsIter<'taints>(RowIter<'taints>);

impl<'taints> Iterator for TaintsIter<'taints> {
    type Item = &'taints str;

    fn next(&mut self) -> Option<&'taints str> {
        self.0.next()
    }
}

impl fmt::Debug for Taints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Taints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A list as it stood in an entry: its order is kept so that the canonical form can be compared.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TaintList(Row);

impl TaintList {
    /// The set; `None` when a label stands twice.
    pub(crate) fn into_set(self) -> Option<Taints> {
        if self.0.iter().is_sorted_by(|one, next| one < next) {
            return Some(Taints(self.0));
        }
        let set = Taints::of(self.0.iter().collect());
        (set.len() == self.0.len()).then_some(set)
    }
}

/// The list as we write it: sorted.
pub(crate) fn taint_list(taints: &Taints) -> TaintList {
    TaintList(taints.0.clone())
}

impl<'de> Deserialize<'de> for Taints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = TaintList::deserialize(deserializer)?;
        list.into_set().ok_or_else(|| serde::de::Error::custom("a taint stands twice"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SETS: [&[&str]; 8] =
        [&[], &["a"], &["b"], &["a", "b"], &["ab"], &["", "a"], &["c", "a", "b", "a"], &["b", "é", "z"]];

    /// The set type of the standard library says what a set is.
    #[test]
    fn sets_are_joined_and_taken_away_as_sets() {
        for (one, two) in SETS.iter().flat_map(|one| SETS.iter().map(move |two| (*one, *two))) {
            let set = |of: &[&str]| of.iter().copied().map(str::to_owned).collect::<BTreeSet<String>>();
            let (left, right) = (set(one), set(two));
            let [first, second] = [one, two].map(|of| of.iter().copied().collect::<Taints>());
            let same = |ours: &Taints, theirs: BTreeSet<String>| {
                assert!(ours.iter().eq(theirs.iter()), "{one:?} {two:?}: {ours:?}");
                assert_eq!(*ours, theirs.into_iter().collect(), "one set has one form");
            };
            let mut all = first.clone();
            all.extend(&second);
            same(&all, &left | &right);
            let mut rest = first.clone();
            rest.remove_all(&second);
            same(&rest, &left - &right);
            assert_eq!(first.contains_all(&second), left.is_superset(&right), "{one:?} {two:?}");
            for taint in ["", "a", "ab", "b", "q"] {
                assert_eq!(first.contains(taint), left.contains(taint), "{one:?} {taint}");
                let mut more = first.clone();
                more.insert(taint);
                same(&more, &left | &set(&[taint]));
            }
        }
    }

    #[test]
    fn list_in_any_order_is_a_set_unless_a_label_stands_twice() {
        let read = |json: &str| serde_json::from_str::<Taints>(json).ok();
        assert_eq!(read(r#"["b","a"]"#), read(r#"["a","b"]"#));
        assert_eq!([r#"["a","a"]"#, r#"["a","b","a"]"#].map(read), [None, None]);
    }
}
