//! Proofs of joining lineages: each entry once, bounds to the last entry, and no two entries under one id.

use serde_json::json;

use super::forge::{Forge, passport};
use crate::Limits;
use crate::passport::{MergeError, Passport};

/// A root, and `count` branches that share it, each a passport of its own.
fn branches(count: u16) -> Vec<Passport> {
    let root = Forge::entry("gateway", 1, &[]).sign();
    (0..count)
        .map(|branch| {
            let tip = Forge::entry("orders", 2 + branch, &[&root]).sign();
            passport(&[&root, &tip], &[&tip])
        })
        .collect()
}

fn limits(entries: usize, parents: usize) -> Limits {
    Limits { entries, parents, ..Limits::default() }
}

#[test]
fn shared_entries_stand_once_and_both_tips_remain() {
    let [one, other] = branches(2).try_into().unwrap();
    let joined = one.merge(&other, &Limits::default()).unwrap();
    assert_eq!((joined.len(), joined.tip_hashes().count()), (3, 2));
    let mut tips: Vec<_> = one.tip_hashes().chain(other.tip_hashes()).collect();
    tips.sort_unstable();
    assert_eq!(joined.tips().as_slice(), tips);
    assert_eq!(one.merge(&one, &Limits::default()).unwrap().tips(), one.tips());
}

#[test]
fn continued_branch_is_one_tip_beside_the_lineage_that_it_continues() {
    let root = Forge::entry("gateway", 1, &[]).sign();
    let child = Forge::entry("orders", 2, &[&root]).sign();
    let (short, long) = (passport(&[&root], &[&root]), passport(&[&root, &child], &[&child]));
    assert_eq!(short.merge(&long, &Limits::default()).unwrap().tips(), long.tips());
}

#[test]
fn joined_lineage_over_a_bound_is_refused_and_one_at_it_is_not() {
    let [one, other] = branches(2).try_into().unwrap();
    let merge = |entries, parents| one.merge(&other, &limits(entries, parents)).map(|it| it.len());
    assert_eq!(merge(3, 2), Ok(3));
    assert_eq!(merge(2, 2), Err(MergeError::TooManyEntries));
    assert_eq!(merge(3, 1), Err(MergeError::TooManyTips));
}

#[test]
fn two_entries_under_one_id_are_refused() {
    let one = Forge::entry("gateway", 1, &[]).sign();
    let other = Forge::entry("gateway", 1, &[]).with("operation", json!("another")).sign();
    let (one, other) = (passport(&[&one], &[&one]), passport(&[&other], &[&other]));
    assert_eq!(one.merge(&other, &Limits::default()).map(|it| it.len()), Err(MergeError::SameId));
}
