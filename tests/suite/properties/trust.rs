//! Trust never rises and no taint vanishes unless it was signed that it should, whatever trusted workloads sign.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kest_core::entry::EntryHash;
use kest_core::passport::Tips;
use kest_core::trust::{Origins, TrustEvaluator, TrustModel, TrustScore, WeakestLink, Weighted};
use kest_core::{Limits, Passport};
use kest_tests::forge::{self, array};
use kest_tests::keys::TRUSTED;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::{for_all, names, verified};

#[test]
fn trust_falls_and_taints_stay_wherever_verification_accepts() {
    let (accepted, refused, joined, sanitized) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    let count = |counter: &Cell<u32>| counter.set(counter.get() + 1);
    for_all(1500, &vec(node(), 1..7), |nodes| {
        let forged = signed(&nodes);
        let lawful = forged.iter().all(|entry| entry.is_lawful(&forged));
        let passport = verified(array(&compacts(&forged)).as_bytes(), tips(&forged));
        prop_assert_eq!(passport.is_ok(), lawful, "{:?}", passport);
        let Ok(passport) = passport else {
            count(&refused);
            return Ok(());
        };
        count(&accepted);
        if passport.entries().iter().any(|entry| entry.parents().len() > 1) {
            count(&joined);
        }
        if passport.entries().iter().any(|entry| !entry.is_root() && entry.labels().sanitizer().is_some()) {
            count(&sanitized);
        }
        check_every_path(&passport)
    });
    let counts = [accepted.get(), refused.get(), joined.get(), sanitized.get()];
    let tried = counts[0] + counts[1];
    assert!(counts.iter().all(|count| count * 20 > tried), "too rare among {tried}: {counts:?}");
}

/// Along every edge: no more trust than the parent, and all of its taints, unless the child is a sanitizer.
fn check_every_path(passport: &Passport) -> Result<(), TestCaseError> {
    let mut known = BTreeMap::new();
    for entry in passport.entries() {
        for parent in entry.parents() {
            let parent: &Arc<kest_core::entry::Entry> = known[parent];
            let kept = entry.taints().contains_all(parent.taints());
            if entry.labels().sanitizer().is_none() {
                prop_assert!(entry.trust_score() <= parent.trust_score());
                prop_assert!(kept);
            } else {
                let gone =
                    names(parent.taints().iter()).into_iter().filter(|it| !entry.taints().contains(it));
                prop_assert!(gone.into_iter().all(|taint| entry.removed_taints().contains(taint)));
            }
        }
        known.insert(entry.hash(), entry);
    }
    Ok(())
}

#[test]
fn no_evaluator_gives_more_than_the_smallest_parent_has() {
    #[derive(Debug)]
    struct Generous;
    impl TrustEvaluator for Generous {
        fn calculate(&self, own: TrustScore, parents: &[TrustScore]) -> TrustScore {
            parents.iter().copied().fold(own, TrustScore::max)
        }
    }
    let score = || (0..=100_u8).prop_map(|value| TrustScore::new(value).unwrap());
    let values = (score(), option::of(origin()), vec(score(), 0..6));
    for_all(2000, &values, |(weight, origin, parents)| {
        let own = own_score(origin).min(100);
        let evaluators: [Arc<dyn TrustEvaluator>; 3] =
            [Arc::new(WeakestLink), Arc::new(Weighted::new(weight)), Arc::new(Generous)];
        for evaluator in evaluators {
            let what = format!("{evaluator:?}");
            let found = TrustModel::new(Origins::default(), evaluator).score(origin, &parents);
            match parents.iter().min() {
                Some(weakest) => prop_assert!(found <= *weakest, "{}", what),
                None => prop_assert_eq!(u64::from(found.value()), own, "{}", what),
            }
        }
        // The protocol's own rule, computed another way.
        if let Some(weakest) = parents.iter().min() {
            let found = TrustModel::default().score(origin, &parents).value();
            prop_assert_eq!(u64::from(found), u64::from(weakest.value()) * own / 100);
        }
        Ok(())
    });
}

/// One entry of a generated lineage: what it claims, in relation to what it should.
#[derive(Debug, Clone)]
struct Node {
    workload: &'static str,
    parents: Vec<Index>,
    origin: Option<&'static str>,
    score: Score,
    added: BTreeSet<&'static str>,
    removed: BTreeSet<&'static str>,
    taints: TaintClaim,
    sanitizer: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum Score {
    Right,
    Lower(u64),
    Higher(u64),
    Any(u64),
}

#[derive(Debug, Clone, Copy)]
enum TaintClaim {
    Right,
    Without(&'static str),
    With(&'static str),
}

const TAINTS: [&str; 4] = ["pii", "web", "a", "\u{1f600}"];

fn node() -> impl Strategy<Value = Node> {
    let parents = prop_oneof![1 => vec(any::<Index>(), 0..=0), 5 => vec(any::<Index>(), 1..4)];
    let score = prop_oneof![
        24 => Just(Score::Right),
        4 => (1..30_u64).prop_map(Score::Lower),
        1 => (1..30_u64).prop_map(Score::Higher),
        1 => (0..=100_u64).prop_map(Score::Any),
    ];
    let taint = || select(&TAINTS[..]);
    let some = |most| vec(taint(), 0..most).prop_map(BTreeSet::from_iter);
    let removed = prop_oneof![12 => Just(BTreeSet::new()), 1 => some(3)];
    let taints = prop_oneof![
        24 => Just(TaintClaim::Right),
        1 => taint().prop_map(TaintClaim::Without),
        1 => taint().prop_map(TaintClaim::With),
    ];
    let reasons = ["cleaned", "cleaned", "cleaned", "cleaned", " ", "", "{}"];
    let sanitizer = prop_oneof![9 => Just(None), 2 => select(reasons.to_vec()).prop_map(Some)];
    let claims = (score, some(3), removed, taints, sanitizer);
    (select(&TRUSTED[..]), parents, option::of(origin()), claims).prop_map(
        |(workload, parents, origin, claims)| {
            let (score, added, mut removed, taints, sanitizer) = claims;
            if sanitizer == Some("cleaned") {
                removed.insert(TAINTS[parents.len() % TAINTS.len()]);
            }
            Node { workload, parents, origin, score, added, removed, taints, sanitizer }
        },
    )
}

fn origin() -> impl Strategy<Value = &'static str> + Clone {
    let high = select(&["system", "internal", "verified_rag", "third_party_api"][..]);
    prop_oneof![3 => high, 1 => select(&["user_input", "internet", "llm", "", "System", "carrier pigeon"][..])]
}

/// What was signed, kept beside its compact form.
struct Forged {
    compact: String,
    payload: Value,
    parents: Vec<usize>,
}

fn signed(nodes: &[Node]) -> Vec<Forged> {
    let mut forged: Vec<Forged> = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let parents: BTreeSet<usize> =
            node.parents.iter().filter(|_| number > 0).map(|parent| parent.index(number)).collect();
        let parents: Vec<usize> = parents.into_iter().collect();
        forged.push(node.sign(u16::try_from(number).unwrap(), parents, &forged));
    }
    forged
}

impl Node {
    fn sign(&self, number: u16, parents: Vec<usize>, before: &[Forged]) -> Forged {
        let compacts: Vec<&str> = parents.iter().map(|parent| before[*parent].compact.as_str()).collect();
        let mut entry = forge::entry(self.workload, number, &compacts);
        if let Some(origin) = self.origin {
            entry = entry.label("kest.origin", origin);
        }
        if let Some(reason) = self.sanitizer {
            let declared = json!({ "by": entry.payload["labels"]["principal"], "reason": reason });
            let declared = if reason == "{}" { reason.to_owned() } else { declared.to_string() };
            entry = entry.label("kest.sanitizer", &declared);
        }
        let right = highest(&entry.payload, &parents, before);
        let score = match self.score {
            Score::Right => right,
            Score::Lower(by) => right.saturating_sub(by),
            Score::Higher(by) => (right + by).min(100),
            Score::Any(score) => score,
        };
        let entry = entry
            .with("/trust_score", json!(score))
            .with("/added_taints", json!(self.added))
            .with("/removed_taints", json!(self.removed));
        let mut taints = expected_taints(&entry.payload, &parents, before);
        match self.taints {
            TaintClaim::Right => {}
            TaintClaim::Without(taint) => drop(taints.remove(taint)),
            TaintClaim::With(taint) => drop(taints.insert(taint.to_owned())),
        }
        let entry = entry.with("/taints", json!(taints));
        Forged { compact: entry.sign(), payload: entry.payload, parents }
    }
}

impl Forged {
    /// Protocol sections 1 to 3, by the book and without the crates.
    fn is_lawful(&self, all: &[Self]) -> bool {
        let label = self.payload["labels"].get("kest.sanitizer").map(|label| label.as_str().unwrap());
        let declared: Option<Value> = label.and_then(|label| serde_json::from_str(label).ok());
        let said = |member: &str| {
            declared.as_ref().is_some_and(|it| it[member].as_str().is_some_and(|it| !it.trim().is_empty()))
        };
        let sanitizes = said("by") && said("reason");
        if label.is_some() && !sanitizes || self.payload["labels"].get("kest.origin") == Some(&json!("")) {
            return false;
        }
        let score = self.payload["trust_score"].as_u64().unwrap();
        let vanishes = !taints(&self.payload, "removed_taints").is_empty();
        let humble = score <= highest(&self.payload, &self.parents, all) && !vanishes;
        (sanitizes || humble)
            && taints(&self.payload, "taints") == expected_taints(&self.payload, &self.parents, all)
    }
}

/// The highest score that needs no reason.
fn highest(payload: &Value, parents: &[usize], all: &[Forged]) -> u64 {
    let own = own_score(payload["labels"].get("kest.origin").map(|origin| origin.as_str().unwrap()));
    let scores = parents.iter().map(|parent| all[*parent].payload["trust_score"].as_u64().unwrap());
    scores.min().map_or(own, |weakest| weakest * own / 100)
}

fn own_score(origin: Option<&str>) -> u64 {
    match origin {
        None | Some("system" | "internal") => 100,
        Some("verified_rag") => 90,
        Some("third_party_api") => 60,
        Some("user_input") => 40,
        Some("llm") => 0,
        Some(_) => 10,
    }
}

fn expected_taints(payload: &Value, parents: &[usize], all: &[Forged]) -> BTreeSet<String> {
    let removed = taints(payload, "removed_taints");
    inherited(payload, parents, all).into_iter().filter(|taint| !removed.contains(taint)).collect()
}

/// The taints of the parents and the entry's own.
fn inherited(payload: &Value, parents: &[usize], all: &[Forged]) -> BTreeSet<String> {
    let mut inherited = taints(payload, "added_taints");
    for parent in parents {
        inherited.extend(taints(&all[*parent].payload, "taints"));
    }
    inherited
}

fn taints(payload: &Value, member: &str) -> BTreeSet<String> {
    payload[member].as_array().unwrap().iter().map(|taint| taint.as_str().unwrap().to_owned()).collect()
}

fn compacts(forged: &[Forged]) -> Vec<String> {
    forged.iter().map(|entry| entry.compact.clone()).collect()
}

fn tips(forged: &[Forged]) -> Tips {
    let followed: BTreeSet<usize> = forged.iter().flat_map(|entry| entry.parents.clone()).collect();
    let tips = forged.iter().enumerate().filter(|(number, _)| !followed.contains(number));
    let tips: Vec<String> = tips.map(|(_, entry)| EntryHash::of(&entry.compact).to_hex()).collect();
    Tips::parse(&tips.join(","), &Limits::default()).unwrap()
}
