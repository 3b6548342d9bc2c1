//! Compares what an attacker may choose without telling how much of it was right.

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// Whether both are the same, in a time that depends on the lengths only.
pub(super) fn are_same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
