//! Proofs that another implementation of RFC 7516 opens what we seal, and that we open what it seals.

use kest_core::{Clock as _, Limits};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::rig::passport;
use crate::seals::{Deployment, audience, key, kind, redeemed, sealing, sent};

/// What `tests/node/seal.mjs` answers.
async fn jose(mut question: Value) -> Value {
    question["jwk"] = serde_json::from_str(&key("k1").to_jwk().unwrap()).unwrap();
    let mut running = kest_servers::node::node("seal.mjs").spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    input.write_all(question.to_string().as_bytes()).await.unwrap();
    drop(input);
    let done = running.wait_with_output().await.unwrap();
    assert!(done.status.success(), "{}", done.status);
    serde_json::from_slice(&done.stdout).unwrap()
}

#[tokio::test]
async fn jose_opens_what_we_seal() {
    let (shop, passport) = (Deployment::new(), passport(3).await);
    for single_use in [false, true] {
        let sealing = sealing("k1", "shop").write_for(["stock", "ledger"].map(audience)).unwrap();
        let claims = shop.claims(if single_use { sealing.single_use() } else { sealing });
        let (_line, claim) = sent(&passport, &claims).await;
        let sealed = String::from_utf8(shop.value(&claim).await.to_vec()).unwrap();
        let opened = jose(json!({ "open": sealed })).await["opened"].take();
        assert_eq!(opened["text"], passport.to_json());
        let header = &opened["header"];
        assert_eq!(header["aud"], json!(["stock", "ledger"]));
        assert_eq!(header["kest.claim"], claim.to_string());
        assert_eq!(header["kest.chain_tip"], passport.tips().to_string());
        assert_eq!(header["exp"], shop.hands.unix_seconds() + Limits::default().claim_check_ttl.as_secs());
        assert_eq!(header.get("kest.use").is_some(), single_use);
    }
}

#[tokio::test]
async fn we_open_what_jose_seals_and_hold_it_to_the_same_rules() {
    let (shop, passport) = (Deployment::new(), passport(3).await);
    let claims = shop.claims(sealing("k1", "shop"));
    let (line, claim) = sent(&passport, &claims).await;
    let header = json!({
        "alg": "A256KW", "enc": "A256GCM", "kid": "k1", "typ": "kest-claim+jwe", "aud": ["bank", "shop"],
        "exp": shop.hands.unix_seconds() + 60, "kest.chain_tip": passport.tips().to_string(),
        "kest.claim": claim.to_string(), "kest.use": "once",
        "crit": ["kest.use", "kest.claim", "kest.chain_tip"],
    });
    let sealed = async |change: fn(&mut Value)| {
        let mut header = header.clone();
        change(&mut header);
        let answer = jose(json!({ "seal": passport.to_json(), "header": header })).await;
        answer["sealed"].as_str().unwrap().to_owned()
    };
    shop.plant(&claim, sealed(|_| ()).await).await;
    assert_eq!(redeemed(&line, &claims).await.unwrap().to_json(), passport.to_json());
    assert_eq!(kind(&line, &claims).await, "claim_check_gone", "it was for single use");
    type Change = (fn(&mut Value), &'static str);
    let changes: [Change; 4] = [
        (|it| it["alg"] = "dir".into(), "claim_check_seal_malformed"),
        (|it| it["enc"] = "A256CBC-HS512".into(), "claim_check_seal_malformed"),
        (|it| it["zip"] = "DEF".into(), "claim_check_seal_malformed"),
        (|it| it["aud"] = json!(["bank"]), "claim_check_of_another_audience"),
    ];
    for (change, refused) in changes {
        shop.plant(&claim, sealed(change).await).await;
        assert_eq!(kind(&line, &claims).await, refused);
    }
}
