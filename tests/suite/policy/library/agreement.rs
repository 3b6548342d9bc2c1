//! A hundred thousand generated inputs for each policy, and no two answers differ.

use kest_core::entry::PolicyName;
use kest_policy::Policies;
use serde_json::json;

use super::generator::document;
use super::random::Random;
use super::{NAMES, Twins, file, folder};

/// How many inputs each policy is asked about.
const INPUTS: usize = 100_000;

/// How many of them find every change to a policy.
pub(super) const INPUTS_OF_MUTANTS: usize = INPUTS / 8;

pub(super) const SEED: u64 = 20_260_101;

/// What was said, how often.
#[derive(Debug, Default)]
struct Tally {
    allowed: usize,
    denied: usize,
    /// Denials for which Cedar found no verdict: attributes of a type that the schema does not have.
    cedar_errors: usize,
    rego_errors: usize,
}

#[track_caller]
fn tally(name: &'static str) -> Tally {
    let twins = Twins::of(name);
    let mut random = Random::seeded(SEED);
    let mut tally = Tally::default();
    for _ in 0..INPUTS {
        let document = document(name, &mut random);
        let opinions = twins.opinions(&document);
        match opinions.agreed() {
            Some(true) => tally.allowed += 1,
            Some(false) => tally.denied += 1,
            None => panic!("{name}: {opinions:?} about {document}"),
        }
        tally.cedar_errors += usize::from(opinions.engines[0].is_err());
        tally.rego_errors += usize::from(opinions.engines[1].is_err());
    }
    for (count, what) in [(tally.allowed, "allowed"), (tally.denied, "denied")] {
        assert!(count * 20 >= INPUTS, "{name}: {count} of {INPUTS} {what} say too little");
    }
    assert_eq!(tally.rego_errors, 0, "{name}: Rego checks types itself");
    tally
}

#[test]
fn attributes_that_a_policy_does_not_read_may_be_anything() {
    let mut document = document("kest/trust_threshold", &mut Random::seeded(1));
    document["object"]["attributes"] =
        json!({ "min_trust": 0, "level": "secret", "conflicts": [1], "own": null });
    let opinions = Twins::of("kest/trust_threshold").opinions(&document);
    assert_eq!(opinions.agreed(), Some(true), "{opinions:?}");
}

#[test]
fn every_policy_of_the_library_is_compared_and_says_what_missing_attributes_mean() {
    for language in ["cedar", "rego"] {
        let set = Policies::builder().file(folder().join(language)).build().unwrap();
        let mut names = COMPARED.map(|name| PolicyName::new(name).unwrap());
        names.sort();
        assert_eq!(set.status().policies, names, "{language}");
        for name in COMPARED {
            assert!(file(name, language).as_str().contains(" missing  "), "{name} in {language}");
        }
    }
}

macro_rules! agree {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            println!("{}: {:?}", $name, tally($name));
        })*

        const COMPARED: [&str; NAMES.len()] = [$($name),*];
    };
}

agree! {
    twins_of_trust_threshold_agree: "kest/trust_threshold",
    twins_of_forbidden_taints_agree: "kest/forbidden_taints",
    twins_of_required_user_and_scope_agree: "kest/required_user_and_scope",
    twins_of_bell_lapadula_agree: "kest/bell_lapadula",
    twins_of_biba_agree: "kest/biba",
    twins_of_brewer_nash_agree: "kest/brewer_nash",
    twins_of_clark_wilson_agree: "kest/clark_wilson",
    twins_of_goguen_meseguer_agree: "kest/goguen_meseguer",
}
