//! A request without a token where one is required.

use kest_tests::edge::{Edge, challenges};
use kest_tests::forge;
use kest_tests::raw::{self, RawRequest};
use kest_tests::tokens::TokenKey;

/// The audience of the tokens of other rows.
pub(super) use kest_tests::tokens::AUDIENCE;

/// RFC 6750 section 3.1: a caller without credentials is not told of an error.
async fn check_challenged(edge: &Edge, request: &RawRequest) {
    let response = edge.service.refused(request, &[401]).await;
    assert_eq!(challenges(&response), ["Bearer"]);
}

#[tokio::test(start_paused = true)]
async fn missing_token_is_challenged_without_an_error_code() {
    let key = TokenKey::ed25519("key-1", 1);
    let edge = Edge::trusting(&[key.jwk()]).await;
    check_challenged(&edge, &raw::call()).await;
    assert_eq!(edge.issuer.requests(), 0, "keys are asked for when there is something to check");
    edge.admit(&key.token()).await;
    check_challenged(&edge, &raw::call()).await;
}

#[tokio::test(start_paused = true)]
async fn missing_token_is_challenged_while_the_key_set_is_down() {
    let edge = Edge::asking(kest_testkit::TestServer::down()).await;
    check_challenged(&edge, &raw::call()).await;
}

#[tokio::test(start_paused = true)]
async fn verified_passport_does_not_replace_a_required_token() {
    let edge = Edge::trusting(&[TokenKey::ed25519("key-1", 1).jwk()]).await;
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let header = forge::inline(&entries, &forge::tip(&entries));
    check_challenged(&edge, &raw::call().baggage(header)).await;
}

#[tokio::test(start_paused = true)]
async fn names_in_other_headers_do_not_replace_a_required_token() {
    let edge = Edge::trusting(&[TokenKey::ed25519("key-1", 1).jwk()]).await;
    for name in ["x-user", "x-forwarded-user", "remote-user", "x-auth-request-user"] {
        check_challenged(&edge, &raw::call().header(name, "alice")).await;
    }
    check_challenged(&edge, &raw::call().baggage("kest.user=alice,user=alice")).await;
}
