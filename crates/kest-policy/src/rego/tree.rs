//! All rules of a set of modules, found by their paths below `data`.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::module::{Call, Definition, Kind, Module};

/// The rules of a set of modules.
pub(super) struct Tree<'it> {
    pub(super) modules: &'it [Module],
    /// Each with the module that it stands in.
    pub(super) rules: Vec<(&'it Module, &'it Definition)>,
    by_path: BTreeMap<&'it [Box<str>], Vec<usize>>,
}

impl<'it> Tree<'it> {
    pub(super) fn of(modules: &'it [Module]) -> Self {
        let rules = modules.iter().flat_map(|module| module.rules.iter().map(move |rule| (module, rule)));
        let rules: Vec<_> = rules.collect();
        let mut by_path: BTreeMap<&[Box<str>], Vec<usize>> = BTreeMap::new();
        for (index, (_, rule)) in rules.iter().enumerate() {
            by_path.entry(&rule.path).or_default().push(index);
        }
        Self { modules, rules, by_path }
    }

    /// The rules that have a part in the value at `path`: those above, at and below it.
    pub(super) fn about(&self, path: &[Box<str>]) -> Vec<usize> {
        let above = (1..path.len()).filter_map(|length| self.by_path.get(path.get(..length)?));
        let from = (Bound::Included(path), Bound::Unbounded);
        let below =
            self.by_path.range::<[Box<str>], _>(from).take_while(|(other, _)| other.starts_with(path));
        above.chain(below.map(|(_, rules)| rules)).flatten().copied().collect()
    }

    /// The functions of modules that answer `call`; where there are none, it can only be built in.
    pub(super) fn functions(&self, call: &Call) -> Option<Vec<usize>> {
        let function =
            |index: &usize| self.rules.get(*index).is_some_and(|(_, it)| it.kind == Kind::Function);
        let rules = call.candidates.iter().filter_map(|path| self.by_path.get(path.as_slice()));
        rules
            .map(|rules| rules.iter().copied().filter(function).collect::<Vec<_>>())
            .find(|it| !it.is_empty())
    }
}
