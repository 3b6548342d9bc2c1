//! `kest store`: a real Redis, what is put there and what is found.

use kest_servers::redis::RedisServer;
use serde_json::{Value, json};

use crate::support::{Run, bundle, directory, file, forged, header, kest, lineage};

const UNKNOWN: &str = "a6513107-f5af-429c-b91b-5594dd9cfcbe";

/// Runs `kest store` with the subcommand, the store and more.
fn run(command: &str, store: &str, more: &[&str], input: &[u8]) -> Run {
    kest(["store", command, "--store", store].iter().chain(more), input)
}

/// Puts `input` under the key of cart.
fn put(test: &str, store: &str, more: &[&str], input: &[u8]) -> Run {
    let keys = file(&directory(&format!("store_{test}")), "bundle.json", bundle(&["cart"]));
    run("put", store, &[&["--keys", &keys], more].concat(), input)
}

#[tokio::test]
async fn passport_that_was_put_is_found_and_its_members_lead_to_it() {
    let server = RedisServer::start().await;
    let passport = lineage(2);
    let told = put("found", &server.url(), &["--json"], passport.to_json().as_bytes());
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let told = told.json();
    let claim = told["claim"].as_str().unwrap();
    let members = format!("kest.claim_check={claim},kest.chain_tip={}", passport.tips());
    assert_eq!(
        told,
        json!({
            "claim": claim, "chain_tip": passport.tips().to_string(), "entries": 3, "ttl_seconds": 300,
            "sealed": false, "baggage": members,
        })
    );
    assert_eq!(server.ask(&["GET", &format!("kest.claim.{claim}")]).await, passport.to_json());

    let found = run("get", &server.url(), &[claim], b"");
    assert_eq!((found.code, found.text()), (Some(0), format!("{}\n", passport.to_json()).as_str()));
    assert!(found.stderr.contains("nothing was verified"), "{}", found.stderr);
    let found = run("get", &server.url(), &["--json", claim], b"").json();
    let entries: Vec<&str> = passport.entries().iter().map(|entry| entry.compact()).collect();
    assert_eq!(found, json!({"claim": claim, "entries": 3, "passport": entries}));
}

#[tokio::test]
async fn claim_lives_as_long_as_it_was_told_to() {
    let server = RedisServer::start().await;
    let told = put("ttl", &server.url(), &["--ttl", "7", "--json"], lineage(0).to_json().as_bytes()).json();
    let key = format!("kest.claim.{}", told["claim"].as_str().unwrap());
    let left: i64 = server.ask(&["PTTL", &key]).await.parse().unwrap();
    assert!((1..=7_000).contains(&left), "{left}");
    assert_eq!(told["ttl_seconds"], 7);
}

#[tokio::test]
async fn nothing_that_does_not_hold_is_put_into_the_store() {
    let server = RedisServer::start().await;
    let passport = lineage(2);
    let tip = lineage(1).tips().to_string();
    for (name, more, input, kind) in [
        ("forged", &["--json"][..], forged(&passport), "bad_signature"),
        ("cut", &["--json", "--chain-tip", &tip], passport.to_json(), "chain_tip_mismatch"),
        ("header", &["--json"], header(&passport), "passport_malformed"),
    ] {
        let told = put(name, &server.url(), more, input.as_bytes());
        assert_eq!((told.code, &told.json()["kind"]), (Some(1), &json!(kind)), "{name}: {}", told.stderr);
    }
    assert_eq!(put("empty", &server.url(), &[], b"[]").code, Some(1));
    assert_eq!(server.ask(&["DBSIZE"]).await, "0");
}

#[tokio::test]
async fn claim_that_leads_nowhere_or_to_rubbish_is_no_passport() {
    let server = RedisServer::start().await;
    let gone = run("get", &server.url(), &["--json", UNKNOWN], b"");
    assert_eq!((gone.code, gone.json()), (Some(1), json!({"claim": UNKNOWN, "kind": "claim_check_gone"})));
    server.ask(&["SET", &format!("kest.claim.{UNKNOWN}"), "{}"]).await;
    let rubbish = run("get", &server.url(), &["--json", UNKNOWN], b"");
    assert_eq!(
        (rubbish.code, rubbish.json()),
        (Some(1), json!({"claim": UNKNOWN, "kind": "claim_check_malformed"}))
    );
    let people = run("get", &server.url(), &[UNKNOWN], b"");
    assert_eq!((people.code, people.text()), (Some(1), ""));
    for other in ["", "../../secret", "*", "kest.claim.*"] {
        assert_eq!(run("get", &server.url(), &["--", other], b"").code, Some(2), "{other}");
    }
}

#[tokio::test]
async fn sealed_claim_is_read_with_its_key_and_audience_only_and_not_used_up() {
    let server = RedisServer::start().await;
    let folder = directory("store_sealed_keys");
    let made = ["one", "two"].map(|name| {
        let path = folder.join(name).to_str().unwrap().to_owned();
        let run = kest(["store", "key", "--kid", name, "--out", &path], b"");
        assert_eq!((run.code, run.text()), (Some(0), ""), "{}", run.stderr);
        path
    });
    let shop = ["--seal-key", &made[0], "--audience", "shop", "--json"];
    let passport = lineage(1);
    let told = put("sealed", &server.url(), &shop, passport.to_json().as_bytes()).json();
    assert_eq!(told["sealed"], true);
    let claim = told["claim"].as_str().unwrap();
    let stored = server.ask(&["GET", &format!("kest.claim.{claim}")]).await;
    assert!(!stored.contains("[\"ey") && stored.split('.').count() == 5, "{stored}");

    let get = |more: &[&str]| run("get", &server.url(), &[more, &[claim]].concat(), b"");
    for _ in 0..2 {
        let found = get(&shop);
        assert_eq!((found.code, &found.json()["entries"]), (Some(0), &json!(2)), "{}", found.stderr);
    }
    for (more, kind) in [
        (&["--json"][..], "claim_check_malformed"),
        (&["--json", "--seal-key", &made[0], "--audience", "bank"], "claim_check_of_another_audience"),
        (&["--json", "--seal-key", &made[1], "--audience", "shop"], "claim_check_key_unknown"),
    ] {
        let refused = get(more);
        assert_eq!((refused.code, &refused.json()["kind"]), (Some(1), &Value::from(kind)), "{more:?}");
    }
    let plain = put("plain", &server.url(), &["--json"], passport.to_json().as_bytes()).json();
    let planted = run("get", &server.url(), &[&shop[..], &[plain["claim"].as_str().unwrap()]].concat(), b"");
    assert_eq!(planted.json()["kind"], "claim_check_not_sealed");
}

#[test]
fn sealing_key_is_its_owners_alone_and_overwrites_nothing() {
    let path = directory("store_key").join("seal.jwk");
    let make = || kest(["store", "key", "--kid", "2026-01", "--out", path.to_str().unwrap()], b"");
    assert_eq!(make().code, Some(0));
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let first = std::fs::read(&path).unwrap();
    let jwk: Value = serde_json::from_slice(&first).unwrap();
    assert_eq!((&jwk["kty"], &jwk["alg"], &jwk["kid"]), (&json!("oct"), &json!("A256KW"), &json!("2026-01")));
    assert_eq!(make().code, Some(1));
    assert_eq!(std::fs::read(&path).unwrap(), first);
}

#[tokio::test]
async fn store_that_is_away_or_may_evict_claims_is_no_answer() {
    let mut gone = RedisServer::start().await;
    gone.kill().await;
    let evicting = RedisServer::settings().option("maxmemory-policy", "allkeys-lru").start().await;
    for store in [gone.url(), evicting.url()] {
        let run = run("get", &store, &["--json", UNKNOWN], b"");
        assert_eq!((run.code, run.text()), (Some(2), ""), "{}", run.stderr);
        let run = put("away", &store, &["--json"], lineage(0).to_json().as_bytes());
        assert_eq!((run.code, run.text()), (Some(2), ""), "{}", run.stderr);
    }
    assert_eq!(evicting.ask(&["DBSIZE"]).await, "0");
}

#[tokio::test]
async fn password_comes_from_a_file_and_is_never_shown() {
    let server = RedisServer::settings().password("open-sesame").start().await;
    let folder = directory("store_password");
    let (right, wrong) = (file(&folder, "right", "open-sesame\n"), file(&folder, "wrong", "open-barley\n"));
    let store = format!("redis://127.0.0.1:{}", server.port());
    let get = |password: &str| run("get", &store, &["--json", "--password-file", password, UNKNOWN], b"");
    assert_eq!(get(&right).json()["kind"], "claim_check_gone");
    let refused = get(&wrong);
    assert_eq!((refused.code, refused.text()), (Some(2), ""));
    assert!(!refused.stderr.contains("barley"), "{}", refused.stderr);
    let url = "redis://:barley@127.0.0.1:1";
    let unreachable = run("get", url, &[UNKNOWN], b"");
    assert_eq!(unreachable.code, Some(2));
    assert!(!unreachable.stderr.contains("barley"), "{}", unreachable.stderr);
}
