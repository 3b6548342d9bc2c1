//! Properties that hold for every input, tried on generated ones.
//!
//! The inputs are the same in every run, so that what fails is what was changed. For others, and more of them:
//! `PROPTEST_RNG_SEED=7 PROPTEST_CASES=5000 cargo nextest run -p kest-tests -E 'test(properties)'`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a rig that cannot be set up must end the test"
)]

mod admissions;
mod canonical;
mod changes;
mod codec;
mod forms;
mod lineage;
mod tiers;
mod trust;

use std::collections::BTreeSet;

use kest_core::passport::{Tips, VerifyError};
use kest_core::{Limits, Passport, UnverifiedPassport, Verifier};
use kest_tests::keys::ring;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestCaseResult, TestRunner};

/// Tries `property` on `cases` values, or on as many as `PROPTEST_CASES` says.
#[track_caller]
fn for_all<S: Strategy>(cases: u32, values: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_260_101);
    }
    if let Err(failure) = TestRunner::new(config).run(values, property) {
        panic!("{failure}");
    }
}

/// Any text, more often than not one that some reader gets wrong.
fn odd_text(longest: usize) -> impl Strategy<Value = String> + Clone {
    let odd = vec![
        "",
        "0",
        "null",
        "%41",
        "%",
        "a,b;c=d",
        "\"",
        "\\",
        "\\u0041",
        "\u{0}",
        "\u{1f}\u{7f}\u{85}",
        "\r\n",
        "\t ",
        "\u{feff}",
        "\u{2028}\u{2029}",
        "\u{202e}",
        "e\u{301}",
        "\u{e9}",
        "\u{d7ff}\u{e000}",
        "\u{fffd}\u{ffff}",
        "\u{1f469}\u{200d}\u{1f52c}",
        "\u{10ffff}",
        "[\"a.b.c\"]",
        "</script>",
        "../..",
        "kest.user=root",
    ];
    let text = prop_oneof![
        2 => select(odd).prop_map(str::to_owned),
        2 => vec(any::<char>(), 0..longest.min(24)).prop_map(|it| it.into_iter().collect::<String>()),
        1 => vec(proptest::char::range('\0', '\u{ff}'), 0..longest).prop_map(|it| it.into_iter().collect()),
    ];
    text.prop_map(move |text| cut(&text, longest).to_owned())
}

/// As [`odd_text`], and never empty.
fn odd_name(longest: usize) -> impl Strategy<Value = String> + Clone {
    odd_text(longest).prop_map(|text| if text.is_empty() { "\u{301}".to_owned() } else { text })
}

/// The longest beginning of `text` that has no more than `bytes` bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let fits = |at: &usize| *at <= bytes;
    let ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(fits).last().unwrap_or(0);
    text.get(..end).unwrap()
}

/// Steps 2 and 3 over a JSON array, with the tips that its entries really have.
fn verified(json: &[u8], tips: Tips) -> Result<Passport, Option<VerifyError>> {
    let limits = Limits::default();
    let carried = UnverifiedPassport::from_json(json, tips, &limits).map_err(|_no_passport| None)?;
    Verifier::new(limits).verify(carried, &ring()).map_err(Some)
}

fn compacts(passport: &Passport) -> Vec<&str> {
    passport.entries().iter().map(|entry| entry.compact()).collect()
}

fn names<'text>(texts: impl IntoIterator<Item = &'text str>) -> BTreeSet<&'text str> {
    texts.into_iter().collect()
}
