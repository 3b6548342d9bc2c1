//! What is counted: outcomes and kinds, and nothing that a stranger could choose.

use serde_json::json;

use crate::endpoint::Answer;
use crate::keys::SigningKey;
use crate::meter::Meter;
use crate::rig::{Rig, check_refused, check_unavailable, token, token_with};

#[tokio::test]
async fn every_judgement_is_counted_by_kind() {
    let (meter, _metering) = Meter::listen();
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    rig.send_token(&token(&key)).await.unwrap();
    rig.send_token(&token(&key)).await.unwrap();
    check_refused(rig.send_token(&token_with(&key, &json!({}), &json!({"exp": 1}))).await, "expired");
    check_refused(rig.send_token(&token_with(&key, &json!({"typ": "x"}), &json!({}))).await, "type");
    check_refused(rig.send(&["Basic dTpw"]).await, "not_bearer");
    let away = Rig::asking(Answer::Status("500 Internal Server Error".to_owned())).await;
    check_unavailable(away.send_token(&token(&key)).await, "status");
    // A request without a token is no token.
    rig.send(&[]).await.unwrap_err();
    assert_eq!(meter.tokens("accepted", "none"), 2);
    assert_eq!(meter.tokens("refused", "expired"), 1);
    assert_eq!(meter.tokens("refused", "type"), 1);
    assert_eq!(meter.tokens("refused", "not_bearer"), 1);
    assert_eq!(meter.tokens("unavailable", "keys"), 1);
    let names = meter.names().join("\n");
    for content in ["user-1", "key-1", "127.0.0.1", "eyJ"] {
        assert!(!names.contains(content), "{names}");
    }
}
