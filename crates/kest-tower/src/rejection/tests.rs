//! Proofs of the table: no kind is left out of the list, and each is told apart.

use super::*;

#[test]
fn list_of_all_kinds_leaves_none_out() {
    let different: std::collections::HashSet<_> = RejectionKind::ALL.iter().collect();
    assert_eq!(different.len(), RejectionKind::ALL.len(), "a kind stands twice");
    let table = include_str!("../rejection.rs").lines();
    let rows = table.filter(|line| line.starts_with("            Self::") && line.contains(" => ")).count();
    assert_eq!(RejectionKind::ALL.len(), rows, "the table has a row for each kind");
}

#[test]
fn kinds_are_told_apart_by_name_status_and_challenge() {
    assert_eq!(RejectionKind::PassportStale.as_str(), "passport_stale");
    assert_eq!(RejectionKind::ShareUsedUp.status(), StatusCode::TOO_MANY_REQUESTS);
    for kind in RejectionKind::ALL {
        // RFC 9110 section 15.5.2: a 401 names a challenge.
        let challenged = kind.row().challenge.is_some();
        assert!(challenged || kind.status() != StatusCode::UNAUTHORIZED, "{kind:?}");
    }
}
