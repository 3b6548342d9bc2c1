//! A passport with one byte changed on its way is not a passport any more.

use std::ops::Range;

use kest_core::passport::{SeenEntries, Tips};
use kest_core::{Limits, Passport, UnverifiedPassport, Verifier};
use kest_tests::keys::{chain, ring};
use proptest::prelude::*;
use proptest::sample::Index;

use super::lineage::{lineages, made};
use super::{compacts, for_all, verified};

/// Blanks between the elements of the array are the one change that may go unnoticed: no signature covers them, they
/// touch no entry, and RFC 8259 section 2 leaves them to the writer.
const BLANKS: &[u8] = b" \t\n\r";

#[tokio::test]
async fn change_of_any_byte_is_refused() {
    let passport = chain(3).await.passport().clone();
    let json = passport.to_json().into_bytes();
    // A neighbour in the alphabet is the change that decodes; the others are those that mean something to JSON or JWS.
    let (mut wrong, mut blanks) = (Vec::new(), 0);
    for at in 0..=json.len() {
        let bit = json.get(at).map_or(b'A', |byte| byte ^ 1);
        let mut changes = vec![Change::Delete];
        changes.extend([bit, b'.', b'"'].map(Change::Substitute));
        changes.extend([bit, b'A', b' '].map(Change::Insert));
        for change in changes {
            let changed = change.of(&json, at);
            if changed == json {
                continue;
            }
            let found = verified(&changed, passport.tips());
            if change.is_blank_between_elements(&json, at) {
                blanks += 1;
                assert_eq!(compacts(&found.unwrap()), compacts(&passport));
            } else if found.is_ok() {
                wrong.push(format!("{change:?} at {at}"));
            }
        }
    }
    assert!(wrong.is_empty(), "accepted: {wrong:?}");
    // Around each of three elements, twice between two of them, and at both ends of the array.
    assert_eq!(blanks, 8);
}

#[test]
fn change_of_any_byte_of_any_passport_is_refused() {
    let change = prop_oneof![
        Just(Change::Delete),
        any::<u8>().prop_map(Change::Substitute),
        any::<u8>().prop_map(Change::Insert),
    ];
    for_all(256, &(lineages(4), vec_of(change, 16..32)), |(steps, changes)| {
        let passport = made(&steps).unwrap();
        let json = passport.to_json().into_bytes();
        // Having seen the unchanged entries must not make a verifier believe others.
        let limits = Limits::default();
        let remembering = Verifier::new(limits.clone()).remember(SeenEntries::new(&limits));
        let remembered = |json: &[u8]| {
            let carried = UnverifiedPassport::from_json(json, passport.tips(), &limits);
            carried.is_ok_and(|carried| remembering.verify(carried, &ring()).is_ok())
        };
        prop_assert!(remembered(&json));
        for (change, at) in changes {
            let at = at.index(json.len() + 1);
            let changed = change.of(&json, at);
            let harmless = changed == json || change.is_blank_between_elements(&json, at);
            let found = verified(&changed, passport.tips()).is_ok();
            prop_assert_eq!(found, harmless, "{:?} at {}", change, at);
            prop_assert_eq!(remembered(&changed), harmless, "{:?} at {}, remembered", change, at);
        }
        Ok(())
    });
}

#[test]
fn change_of_any_character_of_an_entry_is_refused() {
    for_all(256, &(lineages(3), vec_of(any::<char>(), 8..16), any::<Index>()), |(steps, changes, which)| {
        let passport = made(&steps).unwrap();
        let which = which.index(passport.len());
        for (character, at) in changes {
            let mut entries: Vec<String> = compacts(&passport).into_iter().map(str::to_owned).collect();
            let entry = &mut entries[which];
            let at = at.index(entry.len() + 1);
            entry.insert(at, character);
            prop_assert!(entries_hold(&entries, &passport).is_err(), "{:?} inserted at {}", character, at);
            let entry = &mut entries[which];
            entry.remove(at);
            if at < entry.len() && entry.remove(at) != character {
                entry.insert(at, character);
                prop_assert!(entries_hold(&entries, &passport).is_err(), "{:?} put at {}", character, at);
            }
        }
        Ok(())
    });
}

#[tokio::test]
async fn change_of_the_announced_tip_is_refused() {
    let passport = chain(2).await.passport().clone();
    let tip = passport.tips().to_string();
    let limits = Limits::default();
    for at in 0..tip.len() {
        for digit in "0123456789abcdefA,".chars() {
            let changed = format!("{}{digit}{}", &tip[..at], &tip[at + 1..]);
            let found = Tips::parse(&changed, &limits);
            let holds = found.is_ok_and(|tips| verified(passport.to_json().as_bytes(), tips).is_ok());
            assert_eq!(holds, changed == tip, "{changed}");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Delete,
    Substitute(u8),
    Insert(u8),
}

impl Change {
    /// `before` with the byte at `at` changed; behind the last byte only an insertion changes anything.
    fn of(self, before: &[u8], at: usize) -> Vec<u8> {
        let mut bytes = before.to_vec();
        match self {
            Self::Delete if at < bytes.len() => drop(bytes.remove(at)),
            Self::Substitute(byte) if at < bytes.len() => bytes[at] = byte,
            Self::Insert(byte) => bytes.insert(at, byte),
            Self::Delete | Self::Substitute(_) => {}
        }
        bytes
    }

    fn is_blank_between_elements(self, before: &[u8], at: usize) -> bool {
        let quotes = before[..at].iter().filter(|byte| **byte == b'"').count();
        matches!(self, Self::Insert(byte) if BLANKS.contains(&byte)) && quotes % 2 == 0
    }
}

fn vec_of<S: Strategy>(what: S, count: Range<usize>) -> impl Strategy<Value = Vec<(S::Value, Index)>> {
    proptest::collection::vec((what, any::<Index>()), count)
}

/// Steps 2 and 3 over entries that were never in an array, under the tips of the unchanged passport.
fn entries_hold(entries: &[String], unchanged: &Passport) -> Result<Passport, String> {
    let limits = Limits::default();
    let carried = UnverifiedPassport::from_entries(entries.to_vec(), unchanged.tips(), &limits);
    let carried = carried.map_err(|it| it.to_string())?;
    Verifier::new(limits).verify(carried, &ring()).map_err(|it| it.to_string())
}
