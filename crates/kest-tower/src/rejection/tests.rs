//! Proofs of the table: no kind is left out of the list, and each is told apart.

use super::*;

#[test]
fn list_of_all_kinds_leaves_none_out() {
    let names: std::collections::HashSet<_> = RejectionKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), RejectionKind::ALL.len(), "a name stands twice");
    for kind in AdmitErrorKind::ALL {
        assert!(names.contains(kind.explanation().kind()), "{kind:?}");
        assert_eq!(RejectionKind::from(*kind).as_str(), kind.explanation().kind());
    }
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
