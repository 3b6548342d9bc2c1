//! Unknown principal, key id or key of another principal, removed key.

use super::check_passports;

#[tokio::test]
async fn strangers_and_borrowed_keys_are_refused() {
    assert_eq!(check_passports(2, &[401]).await, 8);
}
