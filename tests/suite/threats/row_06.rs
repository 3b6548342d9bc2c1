//! JSON, base64 and JWS that two readers could read in two ways.

use super::check_passports;

#[tokio::test]
async fn ambiguous_and_malformed_json_is_refused() {
    assert_eq!(check_passports(6, &[400, 401]).await, 47);
}
