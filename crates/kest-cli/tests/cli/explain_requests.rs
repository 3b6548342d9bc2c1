//! `kest explain --request`: whole requests, whose hop proofs and tokens are judged by the time at which they came.

use std::path::PathBuf;
use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use kest_core::Passport;
use kest_core::signature::Bundle;
use kest_testkit::{DpopKey, TestIssuer, TestKest, TestToken};
use serde_json::{Value, json};

use crate::support::{Run, directory, file, kest};

const CART: &str = "cart.internal";
const ORIGIN: &str = "https://cart.internal";

/// A service called `cart.internal`, in a folder of the test's own.
struct Service {
    kit: TestKest,
    folder: PathBuf,
    bundle: String,
}

impl Service {
    fn of(test: &str) -> Self {
        let kit = TestKest::new(["gateway", "orders", "cart"]);
        let folder = directory(&format!("explain_{test}"));
        let bundle = file(&folder, "bundle.json", Bundle::to_json(&kit.keys()).unwrap());
        Self { kit, folder, bundle }
    }

    fn passport(&self) -> Passport {
        self.kit.lineage().hop("orders").hop("gateway").passport()
    }

    /// An order of the gateway, with the proof that it made it.
    fn order(&self) -> Request<String> {
        let order = Request::post(format!("{ORIGIN}/orders?express=1")).body("{\"lamps\":1}".to_owned());
        self.kit.send("gateway", &self.passport(), order.unwrap())
    }

    /// Explains `request` as it would have been answered when it was made, and `late` after that.
    fn explain_late(&self, request: &Request<String>, late: Duration, flags: &[&str]) -> Run {
        let mut text = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        let came = file(&self.folder, "request.txt", text);
        let body = file(&self.folder, "body", request.body());
        let at = kest_core::Clock::unix_seconds(self.kit.clock().as_ref()) + late.as_secs();
        let at = at.to_string();
        let fixed =
            ["explain", "--json", "--bundle", &self.bundle, "--request", &came, "--body", &body, "--at", &at];
        kest(fixed.iter().chain(flags), b"")
    }

    fn explain(&self, request: &Request<String>, flags: &[&str]) -> Run {
        self.explain_late(request, Duration::ZERO, flags)
    }
}

const DEMANDS: [&str; 3] = ["--identity-from-lineage", "--authority", CART];

#[track_caller]
fn outcome<'told>(told: &'told Value, step: &str) -> &'told str {
    let all = told["steps"].as_array().unwrap();
    all.iter().find(|it| it["step"] == step).unwrap()["outcome"].as_str().unwrap()
}

#[track_caller]
fn check_refused(run: &Run, step: &str, kind: &str, cause: Option<&str>) -> Value {
    assert_eq!(run.code, Some(1), "{run:?}");
    let told = run.json();
    let found = (&told["step"], &told["kind"], &told["cause"]);
    assert_eq!(found, (&json!(step), &json!(kind), &json!(cause)), "{told}");
    assert_eq!(outcome(&told, step), "refused");
    told
}

/// A body over the bound is refused as the service refuses it, and is no mistake of who asks.
#[test]
fn body_that_is_too_long_is_refused_by_the_layer() {
    let service = Service::of("long_body");
    let mut order = service.order();
    *order.body_mut() = "x".repeat(3 * 1024 * 1024);
    let run = service.explain(&order, &DEMANDS);
    assert_eq!((run.code, &run.json()["kind"]), (Some(1), &json!("body_too_large")), "{run:?}");
}

#[test]
fn proof_of_a_whole_request_is_judged() {
    let service = Service::of("whole");
    let run = service.explain(&service.order(), &DEMANDS);
    assert_eq!(run.code, Some(0), "{run:?}");
    let told = run.json();
    let steps = told["steps"].as_array().unwrap();
    assert!(steps.iter().all(|it| it["outcome"] == "ok" || it["step"] == "token"), "{told}");
    let proof = steps.last().unwrap();
    assert_eq!((&proof["step"], &proof["outcome"]), (&json!("hop_proof"), &json!("ok")));
    let said = proof["detail"].as_str().unwrap();
    assert!(said.contains("gateway") && said.contains("replay store"), "{said}");
    // A service that asks for no proof looks at none.
    let open = service.explain(&service.order(), &["--identity-from-lineage", "--hop-proof", "off"]);
    assert_eq!(outcome(&open.json(), "hop_proof"), "nothing_to_do");
}

type Change<'it> = &'it dyn Fn(&mut Request<String>);

/// Attacks: what one who has the request makes of it, or who has the passport alone.
#[test]
fn request_that_its_last_signer_did_not_make_like_this_is_refused_at_the_proof() {
    let service = Service::of("grafted");
    let at = |uri: &str| format!("{ORIGIN}{uri}").parse().unwrap();
    let changes: [(&str, Change<'_>); 7] = [
        ("request_differs", &|it| *it.method_mut() = http::Method::PUT),
        ("request_differs", &|it| *it.uri_mut() = at("/refunds?express=1")),
        ("request_differs", &|it| *it.uri_mut() = at("/orders?express=0")),
        ("request_differs", &|it| {
            drop(it.headers_mut().insert("content-digest", NO_DIGEST.parse().unwrap()))
        }),
        ("tips_differ", &|it| {
            let other = service.kit.lineage().hop("gateway").passport();
            let other = service.kit.carry(&other, Request::new(()));
            it.headers_mut().insert("baggage", other.headers()["baggage"].clone());
        }),
        ("body_differs", &|it| *it.body_mut() = "{\"lamps\":9}".to_owned()),
        ("body_differs", &|it| it.body_mut().clear()),
    ];
    for (cause, change) in changes {
        let mut request = service.order();
        change(&mut request);
        let told =
            check_refused(&service.explain(&request, &DEMANDS), "hop_proof", "proof_invalid", Some(cause));
        assert_eq!(outcome(&told, "age"), "ok", "{cause}");
        // The body is looked at last.
        let caller = if cause == "body_differs" { "ok" } else { "not_reached" };
        assert_eq!(outcome(&told, "caller"), caller, "{cause}");
    }
    let passport = service.passport();
    let stolen = service.kit.send(
        "orders",
        &passport,
        Request::post(format!("{ORIGIN}/orders")).body(String::new()).unwrap(),
    );
    check_refused(&service.explain(&stolen, &DEMANDS), "hop_proof", "proof_invalid", Some("key_of_another"));
    let elsewhere = ["--identity-from-lineage", "--authority", "ledger.internal"];
    let other = service.explain(&service.order(), &elsewhere);
    check_refused(&other, "hop_proof", "proof_invalid", Some("authority_not_ours"));
    let old = service.explain_late(&service.order(), Duration::from_secs(60), &DEMANDS);
    check_refused(&old, "hop_proof", "proof_invalid", Some("too_old"));
}

/// What is seen of a proof before tokens and passports are looked at says so in the steps.
#[test]
fn proof_that_is_missing_or_malformed_is_refused_before_the_token() {
    let service = Service::of("malformed");
    let bare = Request::post(format!("{ORIGIN}/orders")).body(String::new()).unwrap();
    let bare = service.kit.carry(&service.passport(), bare);
    let mut malformed = service.order();
    malformed.headers_mut().insert("signature", "x=:AAAA:".parse().unwrap());
    let mut alone = service.order();
    alone.headers_mut().remove("baggage");
    for (request, kind, cause) in [
        (bare, "proof_missing", None),
        (malformed, "proof_invalid", Some("signature_absent")),
        (alone, "proof_invalid", Some("passport_missing")),
    ] {
        let told = check_refused(&service.explain(&request, &DEMANDS), "hop_proof", kind, cause);
        let before = [outcome(&told, "presence"), outcome(&told, "token"), outcome(&told, "verify")];
        assert_eq!(before, ["ok", "not_reached", "not_reached"], "{kind}");
    }
}

#[test]
fn request_is_read_to_the_letter() {
    let service = Service::of("read");
    let order = service.order();
    let unnamed = service.explain(&order, &["--identity-from-lineage"]);
    assert_eq!((unnamed.code, unnamed.text()), (Some(2), ""));
    assert!(unnamed.stderr.contains("--authority"), "{}", unnamed.stderr);
    for (name, text) in [
        ("empty", ""),
        ("no target", "POST\n"),
        ("more words", "POST /orders of lamps\n"),
        ("no header", "POST /orders\nbaggage\n"),
        ("goes on", "POST /orders\nbaggage: region=eu,\n tenant=acme\n"),
        ("body in it", "POST /orders\nhost: cart.internal\n\n{}\n"),
    ] {
        let came = file(&service.folder, "request.txt", text);
        let flags = ["explain", "--json", "--bundle", &service.bundle, "--request", &came];
        let run = kest(flags.iter().chain(&DEMANDS), b"");
        assert_eq!((run.code, run.text()), (Some(2), ""), "{name}: {run:?}");
    }
    let both = kest(["explain", "--request", "-", "--token", "-", "--identity-from-lineage"], b"");
    assert_eq!(both.code, Some(2));
    let at = |time: &str| {
        let flags = ["explain", "--identity-from-lineage", "--at", time];
        kest(flags, b"").code
    };
    let times = ["1800000000", "2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00"];
    assert_eq!(times.map(at), [Some(0); 3]);
    assert_eq!(["2027", "2027-01-15", "2027-01-15T08:00:00", "soon", "-1"].map(at), [Some(2); 5]);
}

/// An edge that asks for tokens of `issuer`, and not for hop proofs.
fn edge<'it>(issuer: &TestIssuer, known: &'it mut Vec<String>, more: &'it [&'it str]) -> Vec<&'it str> {
    *known = vec![issuer.jwks_uri(), issuer.name()];
    let mut flags =
        vec!["--jwks-uri", &known[0], "--issuer", &known[1], "--audience", "shop", "--hop-proof", "sign"];
    flags.extend(more);
    flags
}

fn with_token(scheme: &str, token: &str) -> Request<String> {
    let request = Request::get(format!("{ORIGIN}/orders")).header(AUTHORIZATION, format!("{scheme} {token}"));
    request.body(String::new()).unwrap()
}

/// Attacks: tokens that were good once, or are good elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_that_is_expired_or_for_another_service_is_refused_with_the_rule() {
    let service = Service::of("tokens");
    let issuer = TestIssuer::start(&service.kit, "shop");
    let mut known = Vec::new();
    let flags = edge(&issuer, &mut known, &[]);
    let ask = |token: &TestToken, late: u64| {
        service.explain_late(&with_token("Bearer", &token.sign()), Duration::from_secs(late), &flags)
    };
    let good = ask(&issuer.token(), 0);
    assert_eq!((good.code, &good.json()["caller"]["user"]), (Some(0), &json!("alice")), "{good:?}");
    check_refused(&ask(&issuer.token(), 3700), "token", "credentials_invalid", Some("expired"));
    let elsewhere = issuer.token().claim("aud", "warehouse");
    check_refused(&ask(&elsewhere, 0), "token", "credentials_invalid", Some("audience"));
    let bound = issuer.token().bound_to(&DpopKey::of("phone"));
    check_refused(&ask(&bound, 0), "token", "credentials_invalid", Some("confirmation_off"));
}

/// Attacks: a token that is bound to a key, by one who has not the key, or its proof of another request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_that_is_bound_to_a_key_counts_with_its_proof_alone() {
    let service = Service::of("bound");
    let issuer = TestIssuer::start(&service.kit, "shop");
    let (phone, thief) = (DpopKey::of("phone"), DpopKey::of("thief"));
    let token = issuer.token().bound_to(&phone).sign();
    let mut known = Vec::new();
    let flags = edge(&issuer, &mut known, &["--dpop", "required", "--dpop-origin", ORIGIN]);
    let proof = |key: &DpopKey, address: &str| {
        key.proof(service.kit.clock().as_ref(), "GET", &format!("{address}/orders"), &token).sign()
    };
    let ask = |scheme: &str, proof: Option<http::HeaderValue>, late: u64| {
        let mut request = with_token(scheme, &token);
        proof.and_then(|it| request.headers_mut().insert("dpop", it));
        service.explain_late(&request, Duration::from_secs(late), &flags)
    };
    let good = ask("DPoP", Some(proof(&phone, ORIGIN)), 0);
    assert_eq!((good.code, &good.json()["caller"]["user"]), (Some(0), &json!("alice")), "{good:?}");
    for (run, cause) in [
        (ask("Bearer", None, 0), "bound_as_bearer"),
        (ask("DPoP", None, 0), "no_proof"),
        (ask("DPoP", Some(proof(&thief, ORIGIN)), 0), "proof_other_key"),
        (ask("DPoP", Some(proof(&phone, "https://warehouse.internal")), 0), "proof_address"),
        (ask("DPoP", Some(proof(&phone, ORIGIN)), 600), "proof_stale"),
    ] {
        check_refused(&run, "token", "credentials_invalid", Some(cause));
    }
}

const NO_DIGEST: &str = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
