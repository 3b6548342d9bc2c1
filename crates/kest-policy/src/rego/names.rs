//! Which packages are policies, what they are called, and who else has a hand in their rule `allow`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use kest_core::entry::PolicyName;

use super::module::{Kind, Module};
use super::problem::{Finding, Refusal};
use super::reads::Reads;
use super::tree::Tree;
use crate::load::Problem;

/// The policies by name.
pub(super) type Policies = BTreeMap<PolicyName, Entry>;

/// Where a policy is evaluated.
#[derive(Debug)]
pub(super) struct Entry {
    /// The path of its rule `allow`, as regorus writes it.
    pub(super) path: String,
    /// What of the input it needs.
    pub(super) reads: Reads,
}

impl Tree<'_> {
    /// The policies, and what keeps a package from being one.
    pub(super) fn policies(&self) -> (Policies, Vec<Finding>) {
        let mut policies = Policies::new();
        let mut found = Vec::new();
        for module in self.modules {
            let entry = module.entry();
            let mut rules = module.rules.iter().filter(|rule| rule.path == entry);
            let Some(allow) = rules.next() else {
                found.extend(module.rules.is_empty().then(|| at(module.source, module.line, Problem::Empty)));
                continue;
            };
            if let Some(function) = rules.chain([allow]).find(|rule| rule.kind == Kind::Function) {
                found.push(Finding::invalid(module.source, function.line, Refusal::Parameters));
            }
            match name_of(module) {
                Some(name) => {
                    found.extend(self.rivals(module, &name));
                    let path = format!("data.{}", entry.join("."));
                    policies.insert(name, Entry { path, reads: self.reads(&entry) });
                }
                None => found.push(at(module.source, module.line, Problem::Name)),
            }
        }
        (policies, found)
    }

    /// Rules of other sources that would have a part in the value of `allow`: `package kest` reaches that of
    /// `kest.admin` with `admin.allow := true`.
    fn rivals(&self, module: &Module, name: &PolicyName) -> Vec<Finding> {
        let mut sources = BTreeSet::from([module.source]);
        let rules = self.about(&module.entry()).into_iter().filter_map(|index| self.rules.get(index));
        let rivals = rules.filter(|(other, _)| {
            // Of two modules of the same package, the later one is too many.
            let first = other.package == module.package && other.source < module.source;
            !first && sources.insert(other.source)
        });
        rivals.map(|(other, rule)| at(other.source, rule.line, Problem::Twice(name.clone()))).collect()
    }
}

fn at(source: usize, line: NonZeroUsize, problem: Problem) -> Finding {
    Finding { source, line: Some(line), problem }
}

/// `package kest.trust` is `kest/trust`; a part that is no identifier could be taken for two.
fn name_of(module: &Module) -> Option<PolicyName> {
    let identifiers = module.package.iter().all(|part| is_identifier(part));
    identifiers.then(|| PolicyName::new(module.package.join("/")).ok())?
}

fn is_identifier(part: &str) -> bool {
    let letter = |it: char| it.is_ascii_alphabetic() || it == '_';
    part.starts_with(letter) && part.chars().all(|it| letter(it) || it.is_ascii_digit())
}
