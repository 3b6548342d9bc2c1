//! Proofs of what is read before anything is verified: bounds to the last byte, and the tips that were announced.

use super::forge::{Forge, ring, workload};
use crate::entry::EntryHash;
use crate::passport::{PassportFormError, Tips, UnverifiedPassport, Verifier};
use crate::signature::KeyId;
use crate::{Dialect, Limits};

fn limits(passport_bytes: usize, entries: usize, entry_bytes: usize) -> Limits {
    Limits { passport_bytes, entries, entry_bytes, ..Limits::default() }
}

fn no_tips() -> Tips {
    Tips::new(Vec::new())
}

/// The refusal of a list of `ab` and `cd`, carried as JSON and as separate texts.
fn both(entries: usize, entry_bytes: usize) -> [Result<usize, &'static str>; 2] {
    let limits = limits(11, entries, entry_bytes);
    let json = UnverifiedPassport::from_json(br#"["ab","cd"]"#, no_tips(), &limits);
    let texts = UnverifiedPassport::from_entries(["ab", "cd"], no_tips(), &limits);
    [json, texts].map(|read| match read {
        Ok(carried) => Ok(carried.len()),
        Err(PassportFormError::TooManyEntries) => Err("entries"),
        Err(PassportFormError::EntryTooLong) => Err("entry"),
        Err(other) => panic!("{other}"),
    })
}

#[test]
fn list_over_a_bound_is_refused_and_one_at_it_is_not() {
    assert_eq!(both(2, 2), [Ok(2); 2]);
    assert_eq!(both(3, 3), [Ok(2); 2]);
    assert_eq!(both(1, 2), [Err("entries"); 2]);
    assert_eq!(both(2, 1), [Err("entry"); 2]);
}

#[test]
fn text_over_its_bound_is_refused_unread_and_one_at_it_is_not() {
    let read = |bytes| {
        UnverifiedPassport::from_json(br#"["ab","cd"]"#, no_tips(), &limits(bytes, 9, 9)).map(|it| it.len())
    };
    assert!(matches!(read(11), Ok(2)) && matches!(read(12), Ok(2)));
    let refused = read(10).unwrap_err();
    assert!(matches!(refused, PassportFormError::TooLong(11)) && refused.is_over_limit());
}

#[test]
fn text_that_is_no_list_is_malformed_and_says_what_was_expected() {
    for json in ["", "1", "{}", "[1]", r#"["a"]x"#] {
        let refused = UnverifiedPassport::from_json(json.as_bytes(), no_tips(), &Limits::default());
        let refused = refused.unwrap_err();
        assert!(matches!(refused, PassportFormError::NotAnArray(_)) && !refused.is_over_limit(), "{json}");
    }
    let refused = UnverifiedPassport::from_json(b"1", no_tips(), &Limits::default()).unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("expected an array of compact entries"), "{cause}");
}

#[test]
fn what_was_carried_is_shown_as_it_came() {
    let carried = UnverifiedPassport::from_entries(["ab", "cd"], no_tips(), &Limits::default()).unwrap();
    assert_eq!(carried.dangerous_entries().collect::<Vec<_>>(), ["ab", "cd"]);
    let hashes = [EntryHash::of("ab"), EntryHash::of("cd")];
    assert_eq!(carried.entry_hashes().collect::<Vec<_>>(), hashes);
    assert!(!carried.is_empty());
    let none = UnverifiedPassport::from_entries([""; 0], no_tips(), &Limits::default()).unwrap();
    assert!(none.is_empty());
    assert_eq!(none.entry_hashes().count(), none.len());
}

#[test]
fn workloads_and_keys_are_claimed_by_readable_entries_alone() {
    let root = Forge::entry("gateway", 1, &[]).legacy().with("parent_ids", serde_json::json!([])).sign();
    let child = Forge::entry("orders", 2, &[&root]).sign();
    let entries = [root.as_str(), "unreadable", child.as_str()];
    let carried = UnverifiedPassport::from_entries(entries, no_tips(), &Limits::default()).unwrap();
    let claimed = |name: &str| (workload(name), Some(KeyId::new(format!("{name}-1")).unwrap()));
    let read = |dialect| carried.key_ids(dialect, &Limits::default()).collect::<Vec<_>>();
    // A root without parents is one of the legacy dialect, and only in the first place.
    assert_eq!(read(Dialect::LegacyPython), [claimed("gateway"), claimed("orders")]);
    assert_eq!(read(Dialect::Strict), [claimed("orders")]);
    let named: Vec<_> = carried.claimed_key_ids().collect();
    assert_eq!(named, [claimed("gateway").1.unwrap(), claimed("orders").1.unwrap()]);
}

#[test]
fn tips_are_a_bounded_list_of_different_hashes() {
    let hash = |text: &str| EntryHash::of(text).to_hex();
    let parse = |text: &str, parents| {
        Tips::parse(text, &Limits { parents, ..Limits::default() }).map(|tips| tips.as_slice().to_vec())
    };
    assert_eq!(parse("0", 2), Ok(Vec::new()));
    let mut both = vec![EntryHash::of("a"), EntryHash::of("b")];
    both.sort_unstable();
    assert_eq!(parse(&format!("{},{}", hash("a"), hash("b")), 2).as_ref(), Ok(&both));
    assert_eq!(parse(&format!("{},{}", hash("b"), hash("a")), 2).as_ref(), Ok(&both));
    for (text, parents) in [
        (format!("{},{}", hash("a"), hash("b")), 1),
        (format!("{},{}", hash("a"), hash("a")), 2),
        (format!("{},0", hash("a")), 2),
        (String::new(), 2),
    ] {
        assert!(parse(&text, parents).is_err(), "{text}");
    }
}

/// Attack: entries are cut off at the end, and no tip is announced so that it is not noticed.
#[test]
fn announced_tips_are_compared_and_only_a_dangerous_reader_goes_without() {
    let root = Forge::entry("gateway", 1, &[]).sign();
    let child = Forge::entry("orders", 2, &[&root]).sign();
    let tips = |text: &str| Tips::new(vec![EntryHash::of(text)]);
    let read = |tips| {
        let cut = UnverifiedPassport::dangerous_from_entries([root.as_str()], tips, &Limits::default());
        Verifier::default().verify(cut.unwrap(), &ring()).map_err(|refused| refused.kind().as_str())
    };
    assert_eq!(read(Some(tips(&child))).unwrap_err(), "chain_tip_mismatch");
    assert_eq!(read(Some(tips(&root))).unwrap().len(), 1);
    assert_eq!(read(None).unwrap().to_json(), format!("[\"{root}\"]"));
}
