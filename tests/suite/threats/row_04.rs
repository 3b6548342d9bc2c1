//! Changed payloads, broken links, tips that do not match.

use super::check_passports;

#[tokio::test]
async fn changed_cut_and_reordered_lineages_are_refused() {
    assert_eq!(check_passports(4, &[401]).await, 24);
}
