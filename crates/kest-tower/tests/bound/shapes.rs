//! Every shape that an honest lineage of up to six entries has, signed: chains, forks and joins.

use std::collections::BTreeSet;

use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{
    AdmitOptions, Arrival, Evidence, FromLineage, Limits, Lineage, Operation, Passport, authenticate,
};
use kest_testkit::TestKest;

/// Who takes part: each entry of a lineage is by another one of them.
pub(crate) const NAMES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];

/// A lineage: for each entry, whose it is being its place, what it follows; the last one follows all that nothing else follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    parents: Vec<Vec<usize>>,
}

impl Shape {
    /// All of them of up to `most` entries, each once however its entries are numbered.
    ///
    /// An entry follows the tips of what its signer was given, so that no parent is an ancestor of another.
    pub(crate) fn all(most: usize) -> Vec<Self> {
        let mut shapes = Vec::new();
        let mut seen = BTreeSet::new();
        let mut begun = vec![Vec::new()];
        for entries in 1..=most {
            shapes.extend(begun.iter().filter(|it| seen.insert(canonical(it))).map(|it| Self::ending(it)));
            begun = begun.iter().flat_map(|it| longer(it, entries - 1)).collect();
        }
        shapes
    }

    /// The shape in which one entry more follows all that nothing in `begun` follows.
    fn ending(begun: &[Vec<usize>]) -> Self {
        let is_followed = |entry: &usize| begun.iter().any(|parents| parents.contains(entry));
        let last = (0..begun.len()).filter(|entry| !is_followed(entry)).collect();
        Self { parents: begun.iter().cloned().chain([last]).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.parents.len()
    }

    /// Whether it holds together without the others: each entry of `part` with all that it follows.
    fn is_closed(&self, part: &[usize]) -> bool {
        part.iter().all(|entry| self.parents[*entry].iter().all(|parent| part.contains(parent)))
    }

    /// The parts that hold together and end earlier, by their last entries.
    pub(crate) fn cuts(&self) -> Vec<Vec<usize>> {
        let all = 1_usize..1 << self.len();
        let parts =
            all.map(|bits| (0..self.len()).filter(|place| bits >> place & 1 == 1).collect::<Vec<_>>());
        let whole = self.len();
        parts.filter(|part| part.len() < whole && self.is_closed(part)).map(|part| self.tips(&part)).collect()
    }

    fn tips(&self, part: &[usize]) -> Vec<usize> {
        let is_followed = |entry: &usize| part.iter().any(|it| self.parents[*it].contains(entry));
        part.iter().copied().filter(|entry| !is_followed(entry)).collect()
    }

    /// The lineage as of each of its entries, each signed by its own workload.
    pub(crate) fn sign(&self, kit: &TestKest) -> Vec<Passport> {
        let mut passports: Vec<Passport> = Vec::new();
        for (place, parents) in self.parents.iter().enumerate() {
            let given = union(parents.iter().map(|parent| &passports[*parent]).collect());
            passports.push(follow(kit, NAMES[place], &given));
        }
        passports
    }
}

/// What `name` makes of what it was given.
pub(crate) fn follow(kit: &TestKest, name: &str, given: &Passport) -> Passport {
    let lineage = if given.is_empty() { Lineage::Absent } else { Lineage::Carried(given.clone()) };
    let caller = super::rig::now(authenticate(&FromLineage, &Evidence::new(&lineage))).unwrap();
    let arrival = Arrival::new(lineage, caller);
    let options = AdmitOptions::default().with_root_origin(Origin::system());
    let operation = Operation::named("step").unwrap();
    let (admitter, policy) = (kit.admitter(name).build(), dangerous_allow_all());
    let admitting = admitter.admit(&arrival, &operation, &policy, options);
    super::rig::now(admitting).unwrap().passport().clone()
}

/// All entries of these.
pub(crate) fn union(passports: Vec<&Passport>) -> Passport {
    let limits = Limits::default();
    passports.into_iter().fold(Passport::empty(), |all, one| all.merge(one, &limits).unwrap())
}

/// Every way to go on with one entry more, which is the entry of this place.
fn longer(begun: &[Vec<usize>], place: usize) -> Vec<Vec<Vec<usize>>> {
    let above = ancestors(begun);
    let sets =
        (0_usize..1 << place).map(|bits| (0..place).filter(|it| bits >> it & 1 == 1).collect::<Vec<_>>());
    let apart = |set: &Vec<usize>| set.iter().all(|one| set.iter().all(|other| !above[*one].contains(other)));
    sets.filter(apart).map(|set| begun.iter().cloned().chain([set]).collect()).collect()
}

fn ancestors(parents: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
    let mut above: Vec<BTreeSet<usize>> = Vec::new();
    for of_one in parents {
        let all = of_one.iter().flat_map(|parent| above[*parent].iter().copied().chain([*parent]));
        let all = all.collect();
        above.push(all);
    }
    above
}

/// The same for all numberings of the entries of one shape: the least of their edges.
fn canonical(parents: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut least: Option<Vec<(usize, usize)>> = None;
    for order in orders(parents.len()) {
        let mut edges: Vec<_> = parents
            .iter()
            .enumerate()
            .flat_map(|(child, parents)| parents.iter().map(move |parent| (child, *parent)))
            .map(|(child, parent)| (order[child], order[parent]))
            .collect();
        edges.sort_unstable();
        // The number of entries is part of it, since some have no edge.
        edges.insert(0, (parents.len(), parents.len()));
        least = Some(least.map_or(edges.clone(), |least| least.min(edges)));
    }
    least.unwrap_or_default()
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![Vec::new()], |orders, next| {
        orders
            .iter()
            .flat_map(|order| {
                (0..=order.len()).map(move |place| {
                    let mut longer = order.clone();
                    longer.insert(place, next);
                    longer
                })
            })
            .collect()
    })
}
