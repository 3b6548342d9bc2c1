//! Gives every attack of the independent generator the refusal that belongs to it, by name.

use std::path::Path;

use serde_json::Value;

use crate::passport::{Tips, UnverifiedPassport, Verifier};
use crate::signature::{Bundle, KeyRing};
use crate::{Dialect, Limits};

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    std::fs::read(folder.join(name)).unwrap()
}

fn ring() -> KeyRing {
    Bundle::from_json(&file("keys.json")).unwrap().into_ring()
}

fn text<'case>(case: &'case Value, member: &str) -> &'case str {
    case[member].as_str().unwrap()
}

/// `holds`, or the name of the refusal.
fn verdict(case: &Value, ring: &KeyRing, dialect: Dialect) -> &'static str {
    let limits = Limits::default();
    let Ok(tips) = Tips::parse(text(case, "chain_tip"), &limits) else { return "tips" };
    let entries = case["passport"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap());
    let Ok(carried) = UnverifiedPassport::from_entries(entries, tips, &limits) else { return "form" };
    match Verifier::new(limits).dialect(dialect).verify(carried, ring) {
        Ok(_) => "holds",
        Err(refused) => refused.kind().as_str(),
    }
}

#[test]
fn every_attack_is_refused_for_what_is_wrong_with_it() {
    let (ring, cases) = (ring(), file("refuse.json"));
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let found: Vec<String> = cases
        .iter()
        .map(|case| format!("{} {}", text(case, "name"), verdict(case, &ring, Dialect::Strict)))
        .collect();
    let expected: Vec<&str> = include_str!("refusals.txt").lines().collect();
    assert_eq!(found, expected);
    assert!(expected.iter().all(|line| !line.ends_with(" holds")));
}

#[test]
fn every_good_passport_holds_in_both_dialects() {
    let ring = ring();
    let cases: Vec<Value> = serde_json::from_slice(&file("accept.json")).unwrap();
    for case in &cases {
        for dialect in [Dialect::Strict, Dialect::LegacyPython] {
            assert_eq!(verdict(case, &ring, dialect), "holds", "{}", text(case, "name"));
        }
    }
    assert!(cases.len() > 20, "only {} passports", cases.len());
}
