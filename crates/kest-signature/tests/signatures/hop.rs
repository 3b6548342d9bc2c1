//! Hop proofs that hold, through both versions of HTTP and beside other people's signatures.

use http::Method;
use kest_signature::{ExpectedBody, hop};

use crate::rig::{BODY, Rig, Sent};

#[tokio::test]
async fn a_signed_request_is_let_through_with_who_made_it_and_what_its_body_must_be() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    let proved = rig.judge(&sent).await.unwrap();
    assert_eq!(proved.workload(), rig.passport.tip_entries().next().unwrap().workload());
    assert_eq!(proved.created(), kest_core::Clock::unix_seconds(rig.clock().as_ref()));
    let ExpectedBody::Digest(digest) = proved.body() else { panic!("a digest was signed") };
    assert!(digest.is_of(BODY) && !digest.is_of(b"{\"quantity\":3}") && !digest.is_of(b""));
}

#[tokio::test]
async fn what_is_written_is_this() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    let input = sent.get("signature-input");
    let parts = r#"kest-hop=("@method" "@authority" "@path" "@query" "kest-tip" "authorization" "content-digest");created=1767225600;expires=1767225610;nonce=""#;
    assert!(input.starts_with(parts), "{input}");
    assert!(input.ends_with(r#"";alg="ed25519";keyid="gateway-1";tag="kest-hop""#), "{input}");
    assert_eq!(sent.get("kest-tip"), rig.passport.tips().to_string());
    assert!(sent.get("content-digest").starts_with("sha-256=:"));
    assert!(sent.get("signature").starts_with("kest-hop=:"));
}

#[tokio::test]
async fn without_token_and_body_neither_is_covered_and_no_body_may_come() {
    let rig = Rig::new();
    let bare = Rig::request().without("authorization").asked(Method::GET, "https://cart.example/");
    let sent = rig.sign(bare, "gateway", None).await.unwrap().over_http1();
    assert!(sent.get("signature-input").contains(r#"("@method" "@authority" "@path" "@query" "kest-tip");"#));
    let proved = rig.judge(&sent).await.unwrap();
    assert_eq!(*proved.body(), ExpectedBody::Empty);
    let mut check = proved.body().check();
    assert_eq!(check.update(b"").and_then(|()| check.update(b"x")).unwrap_err().as_str(), "body_unsigned");
}

#[tokio::test]
async fn the_authority_of_http2_is_that_of_http1() {
    let rig = Rig::new();
    let sent = rig.sign(Rig::request(), "gateway", Some(BODY)).await.unwrap();
    rig.judge(&sent).await.unwrap();
    let with_default_port = rig.signed().await.set("host", "CART.example:443");
    rig.judge(&with_default_port).await.unwrap();
}

/// Proxies and clients sign too. What they sign is neither ours nor in our way.
#[tokio::test]
async fn signatures_of_others_are_left_alone() {
    let rig = Rig::new();
    let foreign = Rig::request()
        .set(
            "signature-input",
            r#"proxy=("@method" "date";sf);created=1;created=2;tag="kest-hop-by-hop", bare=();alg="rsa""#,
        )
        .set("signature", "proxy=:AAAA:, bare=:BBBB:");
    let sent = rig.sign(foreign, "gateway", Some(BODY)).await.unwrap().over_http1();
    rig.judge(&sent).await.unwrap();
    assert!(
        sent.get("signature-input").starts_with(r#"proxy=("@method" "date";sf);created=1;created=2;tag="#)
    );
    let folded = sent.clone();
    let (input, signature) = (folded.get("signature-input"), folded.get("signature"));
    rig.judge(&folded.set("signature-input", &input).set("signature", &signature)).await.unwrap();
    let foreign_alone = Rig::request()
        .set("signature-input", r#"kest-hop=("@method");tag="other", odd="#)
        .set("signature", "kest-hop=:AAAA:");
    let head = kest_signature::RequestHead::of(&foreign_alone.method, &foreign_alone.uri);
    let unparsable = hop::read(&head, &foreign_alone.headers, &rig.limits).unwrap_err();
    assert_eq!(unparsable.cause(), Some("malformed"));
    let foreign_alone = foreign_alone.set("signature-input", r#"kest-hop=("@method");tag="other""#);
    assert!(hop::read(&head_of(&foreign_alone), &foreign_alone.headers, &rig.limits).unwrap().is_none());
    let nonsense = foreign_alone.set("signature-input", "\"").set("signature", ",,");
    assert!(hop::read(&head_of(&nonsense), &nonsense.headers, &rig.limits).unwrap().is_none());
}

fn head_of(sent: &Sent) -> kest_signature::RequestHead<'_> {
    kest_signature::RequestHead::of(&sent.method, &sent.uri)
}

/// A retry signs headers that an earlier attempt has signed.
#[tokio::test]
async fn signing_again_takes_the_earlier_proof_out() {
    let rig = Rig::new();
    let foreign =
        Rig::request().set("signature-input", "proxy=(\"@method\")").set("signature", "proxy=:AAAA:");
    let first = rig.sign(foreign, "gateway", Some(BODY)).await.unwrap();
    let second = rig.sign(first.clone(), "gateway", None).await.unwrap();
    assert_ne!(first.get("signature"), second.get("signature"));
    assert_eq!(second.get("signature").matches("kest-hop=").count(), 1);
    assert_eq!(second.get("signature-input").matches("tag=\"kest-hop\"").count(), 1);
    assert!(second.get("signature").starts_with("proxy=:AAAA:"));
    assert!(second.get("content-digest").is_empty(), "what was said of the earlier body is gone");
    let settings = rig.settings().build().unwrap();
    rig.judge_by(&first.over_http1(), &settings).await.unwrap();
    rig.judge_by(&second.over_http1(), &settings).await.unwrap();
}

#[tokio::test]
async fn members_may_come_in_another_order_and_under_another_label() {
    let rig = Rig::new();
    let relabelled = rig.signed().await.edit("signature-input", "kest-hop=(", "sig1=(").edit(
        "signature",
        "kest-hop=:",
        "sig1=:",
    );
    rig.judge(&relabelled).await.unwrap();
}

#[tokio::test]
async fn two_tips_by_one_workload_are_proved_by_one_key() {
    let mut rig = Rig::new();
    rig.passport = joined(&rig, "gateway", "gateway");
    assert_eq!(rig.passport.tips().as_slice().len(), 2);
    let sent = rig.signed().await;
    rig.judge(&sent).await.unwrap();
    rig.passport = joined(&rig, "gateway", "cart");
    let sent = rig.signed().await;
    rig.invalid("tips of two workloads", sent, "tips_of_several").await;
}

/// Two lineages that no entry has joined yet, in one passport.
fn joined(rig: &Rig, left: &str, right: &str) -> kest_core::Passport {
    let entries: Vec<String> =
        [left, right].into_iter().flat_map(|name| rig.kit.lineage().hop(name).entries()).collect();
    let tips: Vec<_> = entries.iter().map(|it| kest_core::entry::EntryHash::of(it).to_hex()).collect();
    let tips = kest_core::passport::Tips::parse(&tips.join(","), &rig.limits).unwrap();
    let json = serde_json::to_vec(&entries).unwrap();
    let carried = kest_core::UnverifiedPassport::from_json(&json, tips, &rig.limits).unwrap();
    kest_core::Verifier::new(rig.limits.clone()).verify(carried, &rig.ring).unwrap()
}
