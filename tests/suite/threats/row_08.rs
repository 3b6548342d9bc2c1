//! Thousands of entries, members and lines; headers far over the limit.

use super::check_headers;

#[tokio::test]
async fn floods_of_entries_members_and_lines_are_refused() {
    assert_eq!(check_headers(8).await, 7);
}
