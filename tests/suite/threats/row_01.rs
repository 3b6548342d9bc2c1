//! Forged passport, self-made signature, garbage signature, empty signature.

use super::check_passports;

#[tokio::test]
async fn forged_passports_and_signatures_are_refused() {
    assert_eq!(check_passports(1, &[401]).await, 9);
}
