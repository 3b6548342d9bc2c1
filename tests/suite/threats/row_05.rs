//! Trust above the parents, taints that are not the union.

use super::check_passports;

#[tokio::test]
async fn raised_trust_and_dropped_taints_are_refused() {
    assert_eq!(check_passports(5, &[401]).await, 21);
}
