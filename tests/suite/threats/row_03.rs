//! Other algorithms, other header members.

use super::check_passports;

#[tokio::test]
async fn foreign_algorithms_and_header_members_are_refused() {
    assert_eq!(check_passports(3, &[401]).await, 18);
}
