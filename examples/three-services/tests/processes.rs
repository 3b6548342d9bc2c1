//! The programs as processes: keys from `kest keygen`, three hops, `kest verify` on what came back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

mod rig;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kest::core::SystemClock;
use kest::{Clock, Ed25519Signer, Operation, Origin, dangerous_allow_all};
use kest_testkit::TestClock;
use rig::{Folder, Hop, flags, hop, kest, key_file, keys};
use serde_json::Value;
use three_services::answer::Answer;
use three_services::issuer::Issuer;

async fn call(origin: &str, token: &str) -> reqwest::Response {
    reqwest::Client::new().post(format!("{origin}/call")).bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn three_processes_carry_one_passport_that_kest_verifies_and_refuses_after_any_change() {
    let folder = Folder::new("chain");
    let bundle = keys(&folder);
    let issuer = Issuer::start().await.unwrap();
    let (jwks, name) = (issuer.jwks_uri(), issuer.name());
    let ledger = Hop::start(&flags(
        &folder,
        "ledger",
        &bundle,
        &["--identity-from-lineage", "--passport", "required", "--taint", "payment"],
    ));
    let orders = Hop::start(&flags(
        &folder,
        "orders",
        &bundle,
        &["--identity-from-lineage", "--passport", "required", "--next", &ledger.origin],
    ));
    let edge = ["--jwks-uri", &jwks, "--issuer", &name, "--audience", "shop", "--origin", "user_input"];
    let gateway = Hop::start(&flags(
        &folder,
        "gateway",
        &bundle,
        &[&edge[..], &["--next", &orders.origin, "--threshold", "2000"]].concat(),
    ));

    let token = issuer.token("shop", "alice", "web", "orders:write").unwrap();
    let answer: Answer = call(&gateway.origin, &token).await.json().await.unwrap();
    let chain: Vec<&Answer> = answer.chain().collect();
    let seen: Vec<(&str, &str, u8)> =
        chain.iter().map(|it| (it.service.as_str(), it.identity.source.as_str(), it.trust_score)).collect();
    assert_eq!(seen, [("gateway", "jwt", 40), ("orders", "lineage", 40), ("ledger", "lineage", 40)]);
    assert!(chain.iter().all(|it| it.identity.user.as_deref() == Some("alice")));
    assert_eq!(chain[2].received.entries, 2);
    assert_eq!(chain[2].taints, ["payment"]);

    let passport = folder.path("passport.json");
    let entries = &chain[2].passport;
    std::fs::write(&passport, serde_json::to_string(entries).unwrap()).unwrap();
    let verdict = kest(&["verify", "--keys", &bundle, "--json", &passport]);
    assert!(verdict.status.success());
    let verdict: Value = serde_json::from_slice(&verdict.stdout).unwrap();
    assert_eq!((&verdict["verdict"], &verdict["entries"]), (&"accept".into(), &3.into()));
    for index in 0..entries.len() {
        let mut changed = entries.clone();
        let place = changed[index].len() / 2;
        let other = if changed[index].as_bytes()[place] == b'A' { "B" } else { "A" };
        changed[index].replace_range(place..=place, other);
        std::fs::write(&passport, serde_json::to_string(&changed).unwrap()).unwrap();
        let verdict = kest(&["verify", "--keys", &bundle, "--json", &passport]);
        assert_eq!(verdict.status.code(), Some(1), "entry {index} was changed");
    }

    check_refusals(&issuer, gateway, orders, ledger).await;
}

/// A bad token, a request without the required passport, a service that is gone; then all of them stop as asked.
async fn check_refusals(issuer: &Issuer, gateway: Hop, orders: Hop, ledger: Hop) {
    let token = issuer.token("shop", "alice", "web", "orders:write").unwrap();
    let refused = call(&gateway.origin, "a.b.c").await;
    assert_eq!(refused.status().as_u16(), 401);
    let stranger = reqwest::Client::new().post(format!("{}/call", orders.origin)).send().await.unwrap();
    assert_eq!(stranger.status().as_u16(), 401, "orders requires a passport");
    assert!(stranger.headers().contains_key("x-request-id"), "it stands in a stack of other layers");
    assert_eq!(ledger.terminate(), Some(0));
    let broken = call(&gateway.origin, &token).await;
    assert_eq!(
        broken.status().as_u16(),
        502,
        "orders answers 502 because ledger is gone, and gateway says so"
    );
    assert_eq!(broken.json::<Value>().await.unwrap(), serde_json::json!({"next_status": 502}));
    assert_eq!((gateway.terminate(), orders.terminate()), (Some(0), Some(0)));
}

#[tokio::test]
async fn hop_that_trusts_nobody_else_refuses_their_passports() {
    let folder = Folder::new("stranger");
    let bundle = keys(&folder);
    let own = key_file(&folder, "ledger", ".pub.jwk");
    let ledger = Hop::start(&flags(&folder, "ledger", &own, &["--identity-from-lineage"]));
    let gateway = Hop::start(&flags(
        &folder,
        "gateway",
        &bundle,
        &["--identity-from-lineage", "--next", &ledger.origin],
    ));
    let answer = reqwest::Client::new().post(format!("{}/call", gateway.origin)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 502);
    assert_eq!(answer.json::<Value>().await.unwrap(), serde_json::json!({"next_status": 401}));
    let public = format!("{}/jwks.json", gateway.origin);
    let trusting = Hop::start(&flags(&folder, "orders", &public, &["--identity-from-lineage"]));
    let health = reqwest::get(format!("{}/healthz", trusting.origin)).await.unwrap();
    assert_eq!(health.text().await.unwrap(), "ok");
}

#[test]
fn hop_without_an_identity_choice_panics_with_the_guards_message() {
    let folder = Folder::new("guard");
    let bundle = keys(&folder);
    let output = hop(&flags(&folder, "ledger", &bundle, &[])).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(101), 0), "{message}");
    assert!(message.contains("panicked") && message.contains("KEST_INSECURE_NO_VERIFY"), "{message}");
}

#[test]
fn hop_told_by_the_environment_to_verify_nobody_starts_and_warns() {
    let folder = Folder::new("insecure");
    let bundle = keys(&folder);
    let mut child = hop(&flags(&folder, "ledger", &bundle, &[]))
        .env("KEST_INSECURE_NO_VERIFY", "true")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on "), "{line}");
    child.kill().unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    child.wait().unwrap();
    assert!(log.contains("WARN"), "{log}");
}

#[test]
fn demonstration_of_sixteen_hops_shows_all_three_tiers_and_its_passport_verifies() {
    let output = Command::new(env!("CARGO_BIN_EXE_three-services"))
        .args(["demo", "--json", "--hops", "16"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hops = shown["hops"].as_array().unwrap();
    assert_eq!((hops.len(), &shown["verified"]), (16, &true.into()));
    for tier in ["inline", "compressed", "claim_check"] {
        assert!(hops.iter().any(|hop| hop["received"]["tier"] == tier), "{tier}");
    }
    for attack in shown["attacks"].as_array().unwrap() {
        assert_eq!(attack["status"], 401, "{attack}");
    }
    let folder = Folder::new("demo");
    let (bundle, passport) = (folder.path("bundle.json"), folder.path("passport.json"));
    std::fs::write(&bundle, shown["bundle"].to_string()).unwrap();
    std::fs::File::create(&passport).unwrap().write_all(shown["passport"].to_string().as_bytes()).unwrap();
    assert!(kest(&["verify", "--keys", &bundle, &passport]).status.success());
}

#[test]
fn demonstration_for_people_ends_by_itself() {
    let output = Command::new(env!("CARGO_BIN_EXE_three-services")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("everything held"), "{text}");
    let logged = text.lines().find(|line| line.starts_with("Audit log of 3 services: ")).unwrap();
    assert!(logged.ends_with(" entries verified: complete, nothing changed"), "{logged}");
}

#[test]
fn bundle_by_plain_http_from_another_machine_is_not_trusted() {
    let folder = Folder::new("plain-http");
    keys(&folder);
    let elsewhere = "http://127.0.0.1.example.invalid/jwks.json";
    let output = hop(&flags(&folder, "ledger", elsewhere, &["--identity-from-lineage"])).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{message}");
    assert!(message.contains("https"), "{message}");
}

async fn ask(origin: &str) -> reqwest::Response {
    reqwest::Client::new().post(format!("{origin}/call")).send().await.unwrap()
}

/// A hop with these policies, whose callers are anonymous.
fn guarded(folder: &Folder, bundle: &str, more: &[&str]) -> Vec<String> {
    let common = ["--identity-from-lineage", "--origin", "internal", "--resource", "stock/7"];
    flags(folder, "ledger", bundle, &[&common[..], more].concat())
}

#[tokio::test]
async fn hop_asks_its_policies_and_those_of_the_deployment() {
    let folder = Folder::new("policies");
    let bundle = keys(&folder);
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path(name), text).unwrap();
        folder.path(name)
    };
    let trusted = "permit (principal, action, resource) when { context.subject.trust_score >= 80 };";
    let cedar = write("trusted.cedar", trusted);
    let rego = write(
        "clean.rego",
        "package clean\n\ndefault allow := false\n\nallow if not \"llm\" in input.subject.taints\n",
    );
    let config =
        write("kest.toml", "policy_files = [\"trusted.cedar\"]\nplatform_policies = [\"trusted\"]\n");
    let hop = Hop::start(&guarded(&folder, &bundle, &["--policy", &rego, "--policy-config", &config]));
    let answer = ask(&hop.origin).await;
    assert_eq!(answer.status().as_u16(), 200);
    let answer: Answer = answer.json().await.unwrap();
    let payload = answer.passport[0].split('.').nth(1).unwrap();
    let payload = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    let signed: Value = serde_json::from_slice(&payload).unwrap();
    let context = &signed["policy_context"];
    assert_eq!(context["platform_policies"], serde_json::json!(["trusted"]));
    assert_eq!(context["function_policies"], serde_json::json!(["clean"]));

    let tainted = ["--policy", &rego, "--policy-config", &config, "--taint", "llm"];
    let tainted = Hop::start(&guarded(&folder, &bundle, &tainted));
    assert_eq!(ask(&tainted.origin).await.status().as_u16(), 403, "its own policy says no");
    let strict = write("trusted.cedar", &trusted.replace("80", "101"));
    assert_eq!(strict, cedar);
    let strict = Hop::start(&guarded(&folder, &bundle, &["--policy-config", &config]));
    assert_eq!(ask(&strict.origin).await.status().as_u16(), 403, "the deployment's policy says no");
}

#[test]
fn hop_does_not_start_with_policies_that_cannot_be_used() {
    let folder = Folder::new("broken-policies");
    let bundle = keys(&folder);
    for (name, text, reason) in [
        (
            "a.cedar",
            "permit (principal, action, resource)\nwhen { context.nothing };",
            "a.cedar:2: is not valid",
        ),
        ("a.rego", "package a\n\nallow if", "a.rego:3: does not parse"),
        ("a.toml", "platform_policies = [\"unknown\"]", "a.toml: policy unknown is not known to any engine"),
    ] {
        let path = folder.path(name);
        std::fs::write(&path, text).unwrap();
        let flag = if name.ends_with("toml") { "--policy-config" } else { "--policy" };
        let output = hop(&guarded(&folder, &bundle, &[flag, &path])).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(reason), "{told}");
    }
}

/// A header that the gateway signed at this time.
async fn header_of(folder: &Folder, signed: SystemTime) -> String {
    header_by("gateway", folder, signed).await
}

/// A header that this workload signed at this time.
async fn header_by(name: &str, folder: &Folder, signed: SystemTime) -> String {
    let key = key_file(folder, name, ".key.jwk");
    let signer = Ed25519Signer::from_file(Path::new(&key)).unwrap();
    let kest =
        kest::core::Admitter::builder(Arc::new(signer)).clock(Arc::new(TestClock::from(signed))).build();
    let root = Operation::named("order").unwrap();
    let admission = kest.originate(Origin::system(), &root, &dangerous_allow_all()).await.unwrap();
    let passport = admission.passport();
    let entries: Vec<String> =
        passport.entries().iter().map(|entry| format!("%22{}%22", entry.compact())).collect();
    format!("kest.passport=%5B{}%5D,kest.chain_tip={}", entries.join("%2C"), passport.tips())
}

#[tokio::test]
async fn hop_takes_passports_as_its_flags_say_which_may_come_and_how_old() {
    let folder = Folder::new("presence");
    let bundle = keys(&folder);
    let now = SystemClock.now();
    let (fresh, old) =
        (header_of(&folder, now).await, header_of(&folder, now - Duration::from_secs(3600)).await);
    for (more, expected) in [
        (&["--passport", "optional"][..], [200, 200, 401]),
        (&["--passport", "required"], [401, 200, 401]),
        (&["--passport", "refused"], [200, 401, 401]),
        (&["--max-tip-age", "7200"], [200, 200, 200]),
        (&["--max-tip-age", "0"], [200, 200, 200]),
    ] {
        let flags = flags(&folder, "ledger", &bundle, &[&BEARER[..], more].concat());
        let hop = Hop::start(&flags);
        let mut statuses = [0; 3];
        for (status, header) in statuses.iter_mut().zip([None, Some(&fresh), Some(&old)]) {
            let request = reqwest::Client::new().post(format!("{}/call", hop.origin));
            let request = header.into_iter().fold(request, |it, header| it.header("baggage", header));
            *status = request.send().await.unwrap().status().as_u16();
        }
        assert_eq!(statuses, expected, "{more:?}");
    }
}

/// Attack: a passport that was seen on the way, sent to a hop that was told nothing.
#[tokio::test]
async fn hop_takes_no_passport_without_a_proof_unless_it_is_told_to() {
    let folder = Folder::new("hop_proof");
    let bundle = keys(&folder);
    let header = header_of(&folder, SystemClock.now()).await;
    for (more, status) in [
        (&[][..], 401),
        (&["--hop-proof", "required", "--authority", "stock.internal"], 401),
        (&["--hop-proof", "sign"], 200),
        (&["--hop-proof", "off"], 200),
        (&["--dialect", "legacy-python"], 200),
    ] {
        let flags = flags(&folder, "ledger", &bundle, &[&["--identity-from-lineage"], more].concat());
        let hop = Hop::start(&flags);
        let request = reqwest::Client::new().post(format!("{}/call", hop.origin)).header("baggage", &header);
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{more:?}");
    }
}

/// Attack: a token of one's own, and beside it a passport of full trust that was seen on the way.
#[tokio::test]
async fn hop_by_tokens_gives_an_unbound_passport_no_trust_unless_it_is_told_to() {
    let folder = Folder::new("unbound");
    let bundle = keys(&folder);
    let issuer = Issuer::start().await.unwrap();
    let (jwks, name) = (issuer.jwks_uri(), issuer.name());
    let token = issuer.token("shop", "alice", "web", "orders:write").unwrap();
    let header = header_of(&folder, SystemClock.now()).await;
    let by_tokens = ["--jwks-uri", &jwks, "--issuer", &name, "--audience", "shop", "--hop-proof"];
    for (more, expected) in [("required", None), ("sign", Some(10)), ("off", Some(100))] {
        let flags = flags(&folder, "ledger", &bundle, &[&by_tokens[..], &[more]].concat());
        let hop = Hop::start(&flags);
        let request = reqwest::Client::new().post(format!("{}/call", hop.origin)).header("baggage", &header);
        let answer = request.bearer_auth(&token).send().await.unwrap();
        let status = answer.status().as_u16();
        let trust = answer.json::<Answer>().await.ok().map(|answer| answer.trust_score);
        assert_eq!((status, trust), (if expected.is_some() { 200 } else { 401 }, expected), "{more}");
    }
}

/// For tests that send a passport alone, as a request of curl has it.
const BEARER: [&str; 3] = ["--identity-from-lineage", "--hop-proof", "sign"];

#[tokio::test]
async fn running_hop_notices_a_bundle_that_is_rotated() {
    let folder = Folder::new("rotation");
    let full = std::fs::read_to_string(keys(&folder)).unwrap();
    let mut before = serde_json::from_str::<Value>(&full).unwrap();
    before["keys"].as_array_mut().unwrap().retain(|key| key.to_string().contains("/ledger"));
    let bundle = folder.path("followed.json");
    std::fs::write(&bundle, before.to_string()).unwrap();
    let hop = Hop::start(&flags(&folder, "ledger", &bundle, &BEARER));
    let call = async |name: &str| {
        let header = header_by(name, &folder, SystemClock.now()).await;
        let request = reqwest::Client::new().post(format!("{}/call", hop.origin)).header("baggage", header);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(call("orders").await, 401, "its key is not in the bundle");
    std::fs::write(&bundle, &full).unwrap();
    // A passport under a key that was not asked for before has the hop look at once, within a pace that the request waits for.
    assert_eq!(call("gateway").await, 200);
    assert_eq!(call("orders").await, 200, "both keys came");
}
