//! Proofs of another form than the one that is accepted.

use crate::rig::Rig;

#[tokio::test]
async fn parts_that_were_signed_and_parts_that_are_there_must_be_the_same_set() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    for (what, changed, cause) in [
        ("token taken away", sent.clone().without("authorization"), "component_extra"),
        ("digest taken away", sent.clone().without("content-digest"), "component_extra"),
        ("tip taken away", sent.clone().without("kest-tip"), "tip_malformed"),
        ("part taken out", sent.clone().edit("signature-input", "\"@query\" ", ""), "component_missing"),
        ("tip not covered", sent.clone().edit("signature-input", " \"kest-tip\"", ""), "component_missing"),
        (
            "token not covered",
            sent.clone().edit("signature-input", " \"authorization\"", ""),
            "component_missing",
        ),
        (
            "digest not covered",
            sent.clone().edit("signature-input", " \"content-digest\"", ""),
            "component_missing",
        ),
        ("host added", sent.clone().edit("signature-input", "(", "(\"host\" "), "component_extra"),
        (
            "unknown part",
            sent.clone().edit("signature-input", "\"@query\"", "\"@target-uri\""),
            "component_extra",
        ),
        (
            "part of an answer",
            sent.clone().edit("signature-input", "\"@query\"", "\"@status\""),
            "component_extra",
        ),
        (
            "part twice",
            sent.clone().edit("signature-input", "\"@query\"", "\"@query\" \"@query\""),
            "malformed",
        ),
        (
            "part with a parameter",
            sent.clone().edit("signature-input", "\"kest-tip\"", "\"kest-tip\";sf"),
            "component_parameter",
        ),
        (
            "part of another message",
            sent.clone().edit("signature-input", "\"@path\"", "\"@path\";req"),
            "component_parameter",
        ),
        (
            "upper case",
            sent.clone().edit("signature-input", "\"kest-tip\"", "\"Kest-Tip\""),
            "component_extra",
        ),
        ("token, not text", sent.clone().edit("signature-input", "\"kest-tip\"", "kest-tip"), "malformed"),
    ] {
        rig.invalid(what, changed, cause).await;
    }
    let bare = Rig::request().without("authorization");
    let bare = rig.sign(bare, "gateway", None).await.unwrap().over_http1();
    rig.invalid("token added", bare.clone().set("authorization", "Bearer a"), "component_missing").await;
    rig.invalid("digest added", bare.clone().set("content-digest", "sha-256=:AAAA:"), "component_missing")
        .await;
    rig.judge(&bare).await.unwrap();
}

/// Attack: so many parts that to compare each with each is work.
#[tokio::test]
async fn crowd_of_parts_is_refused_and_one_that_stands_twice_in_it_is_found() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    let many: String = (0..900).map(|part| format!("\"x{part}\" ")).collect();
    let crowd = |last: &str| sent.clone().edit("signature-input", "(", &format!("({many}{last}"));
    rig.invalid("900 parts more", crowd(""), "component_extra").await;
    rig.invalid("the first of 900 once more", crowd("\"x0\" "), "malformed").await;
}

#[tokio::test]
async fn parameters_are_exactly_these() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    let input = |from: &str, to: &str| sent.clone().edit("signature-input", from, to);
    for (what, changed, cause) in [
        ("another algorithm", input("\"ed25519\"", "\"hmac-sha256\""), "algorithm"),
        ("algorithm in upper case", input("\"ed25519\"", "\"Ed25519\""), "algorithm"),
        ("no algorithm", input(";alg=\"ed25519\"", ""), "parameter_missing"),
        ("algorithm as a token", input("\"ed25519\"", "ed25519"), "parameter_missing"),
        ("unknown parameter", input(";alg", ";crit;alg"), "parameter_extra"),
        ("no created", input("created=", "creates="), "parameter_extra"),
        ("created as text", input("created=1767225600", "created=\"1767225600\""), "parameter_missing"),
        ("created as a date", input("created=1767225600", "created=@1767225600"), "parameter_missing"),
        ("created before 1970", input("created=1767225600", "created=-1"), "parameter_missing"),
        ("no expires", input(";expires=1767225610", ""), "parameter_missing"),
        ("expires before created", input("expires=1767225610", "expires=1767225599"), "expires"),
        ("expires at once", input("expires=1767225610", "expires=1767225600"), "expires"),
        ("expires in years", input("expires=1767225610", "expires=1867225610"), "expires"),
        ("number of 16 digits", input("expires=1767225610", "expires=1767225610000000"), "malformed"),
        ("key without a name", input("keyid=\"", "keyid=\"\";x=\""), "parameter_extra"),
        ("nonce twice", input(";nonce=", ";nonce=\"x\";nonce="), "malformed"),
        ("created twice", input(";created=", ";created=1;created="), "malformed"),
        ("algorithm twice", input(";alg=", ";alg=\"rsa-pss-sha512\";alg="), "malformed"),
        ("same tag twice", input(";tag=", ";tag=\"kest-hop\";tag="), "malformed"),
        (
            "another tag beside",
            input("tag=\"kest-hop\"", "tag=\"kest-hop\";tag=\"kest-hops\""),
            "proof_missing",
        ),
    ] {
        if cause == "proof_missing" {
            rig.refused(what, changed, "proof_missing", None).await;
        } else {
            rig.invalid(what, changed, cause).await;
        }
    }
    let nonce =
        sent.get("signature-input").split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    rig.invalid("short nonce", input(&nonce, &"n".repeat(21)), "nonce").await;
    rig.invalid("nonce shortened within bounds", input(&nonce, &"n".repeat(22)), "request_differs").await;
    rig.invalid("long nonce", input(&nonce, &"x".repeat(129)), "nonce").await;
    let key =
        sent.get("signature-input").split("keyid=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    rig.invalid("no key id", input(&key, ""), "key_id").await;
    rig.invalid("long key id", input(&key, &"k".repeat(257)), "key_id").await;
    rig.judge(&sent).await.unwrap();
}

#[tokio::test]
async fn there_is_one_signature_with_the_tag_and_one_reading_of_it() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    let (input, signature) = (sent.get("signature-input"), sent.get("signature"));
    let second = (input.replace("kest-hop=(", "other=("), signature.replace("kest-hop=", "other="));
    for (what, changed, cause) in [
        (
            "second signature",
            sent.clone().add("signature-input", &second.0).add("signature", &second.1),
            "several_signatures",
        ),
        ("second input alone", sent.clone().add("signature-input", &second.0), "several_signatures"),
        ("label twice", sent.clone().add("signature-input", &input), "malformed"),
        (
            "lines that disagree",
            sent.clone().add("signature-input", "kest-hop=(\"@method\");tag=\"x\""),
            "malformed",
        ),
        ("signature twice", sent.clone().add("signature", &signature), "malformed"),
    ] {
        rig.invalid(what, changed, cause).await;
    }
    rig.judge(&sent).await.unwrap();
}

#[tokio::test]
async fn signature_headers_of_another_form_are_refused() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    let (input, signature) = (sent.get("signature-input"), sent.get("signature"));
    for (what, changed, cause) in [
        ("no signature", sent.clone().without("signature"), "signature_absent"),
        (
            "signature of another label",
            sent.clone().set("signature", &signature.replace("kest-hop=", "other=")),
            "signature_absent",
        ),
        ("empty signature", sent.clone().set("signature", "kest-hop=::"), "signature_absent"),
        ("signature as text", sent.clone().set("signature", "kest-hop=\"AAAA\""), "signature_absent"),
        (
            "signature with a parameter",
            sent.clone().set("signature", &format!("{signature};a")),
            "signature_absent",
        ),
        (
            "signature of 65 bytes",
            sent.clone().set("signature", &format!("kest-hop=:{}:", "AAAA".repeat(22))),
            "signature_absent",
        ),
        (
            "signature of zeros",
            sent.clone().set("signature", &format!("kest-hop=:{}AA==:", "AAAA".repeat(21))),
            "request_differs",
        ),
        ("trailing comma", sent.clone().set("signature-input", &format!("{input},")), "malformed"),
        (
            "too many",
            sent.clone().add("signature-input", "a=(), b=(), c=(), d=(), e=(), f=(), g=(), h=()"),
            "too_many_signatures",
        ),
        (
            "too long",
            sent.clone().add("signature-input", &format!("a=(\"{}\")", "x".repeat(8192))),
            "too_long",
        ),
        (
            "long signatures",
            sent.clone().add("signature", &format!("a=:{}:", "AAAA".repeat(2048))),
            "too_long",
        ),
    ] {
        rig.invalid(what, changed, cause).await;
    }
    let zeros = sent.clone().set("signature", &format!("kest-hop=:{}AA==:", "AAAA".repeat(21)));
    assert_eq!(zeros.get("signature").len(), "kest-hop=::".len() + 88);
    let no_list = sent.clone().set("signature-input", "kest-hop=\"@method\";tag=\"kest-hop\"");
    rig.refused("no list", no_list, "proof_missing", None).await;
    rig.judge(&sent).await.unwrap();
}

#[tokio::test]
async fn headers_that_stand_twice_are_no_ones_guess() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    let tip = sent.get("kest-tip");
    rig.invalid("token twice", sent.clone().add("authorization", "Bearer x"), "header_twice").await;
    rig.invalid("tip twice", sent.clone().add("kest-tip", &tip), "header_twice").await;
    rig.invalid("host twice", sent.clone().add("host", "cart.example"), "header_twice").await;
    let digest = sent.get("content-digest");
    rig.invalid("digest twice", sent.clone().add("content-digest", &digest), "digest").await;
    rig.invalid(
        "digest of one more algorithm",
        sent.clone().add("content-digest", "md5=:AAAA:"),
        "request_differs",
    )
    .await;
}

#[tokio::test]
async fn a_request_with_two_tokens_is_not_signed() {
    let rig = Rig::new();
    let twice = Rig::request().add("authorization", "Bearer x");
    assert_eq!(rig.sign(twice, "gateway", None).await.unwrap_err().kind(), "header_twice");
    let two_hosts = Rig::request().add("host", "a").add("host", "b");
    assert_eq!(rig.sign(two_hosts, "gateway", None).await.unwrap_err().kind(), "header_twice");
}
