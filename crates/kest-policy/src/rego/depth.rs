//! Rules that depend on themselves, or on so many others that evaluating them would end the stack and the process.

use super::module::{Definition, Target};
use super::problem::{Finding, Refusal};
use super::tree::Tree;

impl Tree<'_> {
    /// The first rule that goes too deep.
    pub(super) fn endless(&self) -> Option<Finding> {
        let mut depths = Depths { tree: self, seen: vec![Seen::Not; self.rules.len()] };
        (0..self.rules.len()).find_map(|index| depths.of(index, 0).err())
    }

    /// The rules that are evaluated while `rule` is.
    fn needs(&self, rule: &Definition) -> Vec<usize> {
        let values = rule.uses.iter().flat_map(|(target, _)| match target {
            Target::Data(path) | Target::Own(path) => self.about(path),
            Target::Input(_) => Vec::new(),
        });
        let functions = rule.calls.iter().filter_map(|call| self.functions(call)).flatten();
        values.chain(functions).collect()
    }
}

struct Depths<'it> {
    tree: &'it Tree<'it>,
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, Copy)]
enum Seen {
    Not,
    Active,
    Done(usize),
}

impl Depths<'_> {
    /// The statements that can be under way at once from the rule at `index` down, with `above` of them above it.
    fn of(&mut self, index: usize, above: usize) -> Result<usize, Finding> {
        let (Some((module, rule)), Some(seen)) = (self.tree.rules.get(index), self.seen.get_mut(index))
        else {
            return Ok(0);
        };
        let refused = |refusal: fn(String) -> Refusal| {
            Finding::invalid(module.source, rule.line, refusal(rule.path.join(".")))
        };
        let own = rule.statements.saturating_add(rule.nesting.div_ceil(2)).saturating_add(1);
        let known = match *seen {
            Seen::Active => return Err(refused(Refusal::Recursive)),
            Seen::Done(depth) => Some(depth),
            Seen::Not => None,
        };
        if above.saturating_add(known.unwrap_or(own)) > STATEMENTS {
            return Err(refused(Refusal::Deep));
        }
        if let Some(depth) = known {
            return Ok(depth);
        }
        *seen = Seen::Active;
        let mut below = 0;
        for next in self.tree.needs(rule) {
            below = self.of(next, above.saturating_add(own))?.max(below);
        }
        let depth = own.saturating_add(below);
        if let Some(seen) = self.seen.get_mut(index) {
            *seen = Seen::Done(depth);
        }
        Ok(depth)
    }
}

/// Each statement takes about 2 KiB of stack while it is evaluated, each level of an expression about half of that. A
/// thread of the runtime has 2 MiB, and programs that are not optimised need five times as much.
const STATEMENTS: usize = 160;
