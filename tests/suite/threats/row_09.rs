//! Two tiers at once, repeated members, a tip without its passport and the other way round.

use super::check_headers;

#[tokio::test]
async fn ambiguous_baggage_is_refused() {
    assert_eq!(check_headers(9).await, 13);
}
