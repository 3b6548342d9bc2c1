//! What a set of modules must not refer to: things that are undefined, and answers that are not in the input.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use regorus::unstable::BUILTINS;

use crate::input::{Input, schema};

use super::module::{Call, Target};
use super::problem::{Finding, Refusal};
use super::tree::Tree;

impl Tree<'_> {
    /// Every reference and call that is refused.
    pub(super) fn refused(&self) -> Vec<Finding> {
        let mut found = self.aliases();
        for module in self.modules {
            let imports = module.imports.iter().filter(|import| import.source == module.source);
            found.extend(imports.filter_map(|it| self.misses(it.source, &it.target, it.line)));
        }
        for (module, rule) in &self.rules {
            let uses =
                rule.uses.iter().filter_map(|(target, line)| self.misses(module.source, target, *line));
            let calls = rule.calls.iter().filter_map(|call| self.refuses(module.source, call));
            let replaced = rule.replaced.iter().map(|(what, line)| {
                // regorus takes the error of a replacement for undefined.
                Finding::invalid(module.source, *line, Refusal::Replaced(what.clone()))
            });
            found.extend(uses.chain(calls).chain(replaced));
        }
        found
    }

    /// regorus takes a name for what the last import of any module of the package says.
    fn aliases(&self) -> Vec<Finding> {
        let mut seen = BTreeMap::new();
        let mut found = Vec::new();
        for module in self.modules {
            for import in module.imports.iter().filter(|import| import.source == module.source) {
                let first = seen.entry((&module.package, &import.alias)).or_insert(&import.target);
                if **first != import.target {
                    let refusal = Refusal::Alias(import.target.to_string());
                    found.push(Finding::invalid(import.source, import.line, refusal));
                }
            }
        }
        found
    }

    /// Undefined is no error in Rego, and `not` makes a yes of it.
    fn misses(&self, source: usize, target: &Target, line: NonZeroUsize) -> Option<Finding> {
        let refusal = match target {
            Target::Data(path) if !path.is_empty() && self.about(path).is_empty() => Refusal::Undefined,
            Target::Input(path) if !schema::has(Input::members(), path) => Refusal::NoSuchInput,
            Target::Data(_) | Target::Input(_) | Target::Own(_) => return None,
        };
        Some(Finding::invalid(source, line, refusal(target.to_string())))
    }

    fn refuses(&self, source: usize, call: &Call) -> Option<Finding> {
        if self.functions(call).is_some() {
            return None;
        }
        let (family, _) = call.written.split_once('.').unwrap_or_default();
        let refusal = match call.written.as_str() {
            "print" | "trace" => Refusal::Effect,
            "graph.reachable_paths" => Refusal::Unbounded,
            name if FICKLE.contains(&name) || OUTSIDE.contains(&family) => Refusal::Fickle,
            name if BUILTINS.contains_key(name) => return None,
            _ => Refusal::UnknownFunction,
        };
        Some(Finding::invalid(source, call.line, refusal(call.written.clone())))
    }
}

/// Built-in functions that give another answer each time.
const FICKLE: [&str; 3] = ["time.now_ns", "uuid.rfc4122", "net.lookup_ip_addr"];

/// Families of built-in functions that look at something other than the input.
const OUTSIDE: [&str; 5] = ["http", "opa", "rand", "io", "rego"];
