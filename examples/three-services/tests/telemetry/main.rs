//! Three hops as processes send their spans over OTLP: one trace, with the names and attributes of the protocol.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

mod collector;
#[path = "../rig/mod.rs"]
mod rig;
mod rows;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use collector::{Collector, Seen};
use reqwest::{RequestBuilder, StatusCode};
use rig::{Folder, Hop, flags, keys};
use three_services::answer::Answer;
use three_services::issuer::Issuer;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Three services, of which the first verifies tokens.
struct Services {
    hops: [Hop; 3],
    issuer: Issuer,
    _folder: Folder,
}

impl Services {
    async fn start(name: &str, more: &[&str]) -> Self {
        let folder = Folder::new(name);
        let bundle = keys(&folder);
        let issuer = Issuer::start().await.unwrap();
        let inner = ["--identity-from-lineage", "--passport", "required"];
        let start =
            |name: &str, own: &[&str]| Hop::start(&flags(&folder, name, &bundle, &[own, more].concat()));
        let ledger = start("ledger", &inner);
        let orders = start("orders", &[&inner[..], &["--next", &ledger.origin]].concat());
        let (jwks, issues) = (issuer.jwks_uri(), issuer.name());
        let edge = ["--jwks-uri", &jwks, "--issuer", &issues, "--audience", "shop", "--next", &orders.origin];
        let gateway = start("gateway", &edge);
        Self { hops: [gateway, orders, ledger], issuer, _folder: folder }
    }

    fn call(&self) -> RequestBuilder {
        reqwest::Client::new().post(format!("{}/call", self.hops[0].origin))
    }

    /// A call by a user who is known, with these headers, and the traces that its entries name.
    async fn known(&self, headers: &[(&str, &str)]) -> (Answer, Vec<String>) {
        let token = self.issuer.token("shop", "alice", "web", "orders:write").unwrap();
        let call =
            headers.iter().fold(self.call().bearer_auth(token), |it, (name, value)| it.header(*name, *value));
        let answer: Answer = call.send().await.unwrap().json().await.unwrap();
        let last = answer.chain().last().unwrap();
        let traces = last.passport.iter().map(|entry| trace_of(entry)).collect();
        (answer, traces)
    }

    fn end(self) {
        for hop in self.hops {
            assert_eq!(hop.terminate(), Some(0));
        }
    }
}

/// The trace that an entry names.
fn trace_of(entry: &str) -> String {
    let payload = URL_SAFE_NO_PAD.decode(entry.split('.').nth(1).unwrap()).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    payload["labels"]["trace_id"].as_str().unwrap().to_owned()
}

// On several threads: a hop that ends is waited for, and sends its last spans to the collector meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn one_trace_crosses_three_services_with_the_names_and_attributes_of_the_protocol() {
    let collector = Collector::start().await;
    let services = Services::start("spans", &["--otlp", &collector.url]).await;
    let (answer, traces) = services.known(&[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]).await;
    assert_eq!(traces, [TRACE; 3]);
    let refused = services.call().header("authorization", "Bearer no-token").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let (_, malformed) = services.known(&[("traceparent", &format!("00-{TRACE}-{SPAN}-0x"))]).await;
    services.end();

    let seen = collector.seen();
    let mut parent = SPAN.to_owned();
    let mut before = "0".to_owned();
    for (service, answer) in ["gateway", "orders", "ledger"].iter().zip(answer.chain()) {
        let of = |name: &str| {
            let mut of =
                seen.iter().filter(|it| it.service == *service && it.trace == TRACE && it.name == name);
            (of.next().unwrap_or_else(|| panic!("{service} has no {name}: {seen:#?}")), of.next().is_none())
        };
        let ((inbound, one), (verified, single)) = (of("kest.inbound"), of("kest.verified.POST /call"));
        assert!(one && single, "{service}");
        assert_eq!((&inbound.parent, &verified.parent), (&parent, &inbound.span), "{service}");
        assert_eq!((inbound.scope.as_str(), verified.scope.as_str()), ("kest.core", "kest.core"));
        assert_eq!((inbound.status, verified.status), (0, 0));
        let entry = answer.passport.last().unwrap();
        let said = |name: &str| verified.attributes.get(name).map_or("", String::as_str);
        assert_eq!(said("kest.operation"), "POST /call");
        assert_eq!(said("kest.workload_id"), format!("spiffe://shop.example/{service}"));
        assert_eq!(said("kest.trust_score"), answer.trust_score.to_string());
        assert_eq!(said("kest.parent_hash"), before);
        assert_eq!(Some(said("kest.signature")), entry.rsplit('.').next());
        assert_eq!(said("kest.entry_id").len(), 36);
        assert!(
            !verified.attributes.contains_key("kest.passport"),
            "a passport is shown where it was asked for"
        );
        parent.clone_from(&verified.span);
        before = kest::core::entry::EntryHash::of(entry).to_string();
    }

    // A refused request has a span too, which says where and what, and nothing of what was sent.
    let refused: Vec<&Seen> = seen.iter().filter(|it| it.status == 2).collect();
    let [refused] = refused[..] else { panic!("{refused:#?}") };
    assert_eq!((refused.name.as_str(), refused.message.as_str()), ("kest.inbound", "credentials_invalid"));
    assert_eq!(refused.attributes["error.type"], "credentials_invalid");
    assert_eq!(refused.attributes["kest.refusal.step"], "inbound");
    assert!(!format!("{seen:?}").contains("no-token") && !format!("{seen:?}").contains("alice"));
    assert!(seen.iter().all(|it| it.events.is_empty()), "lines are no part of spans: {seen:#?}");

    // What is not well formed starts a new trace, which crosses all services as well.
    assert_ne!(malformed[0], TRACE);
    assert_eq!(malformed, vec![malformed[0].clone(); 3]);
    assert_eq!(seen.iter().filter(|it| it.trace == malformed[0]).count(), 6);
}

#[tokio::test]
async fn headers_of_a_known_caller_are_carried_on_without_a_tracer() {
    let services = Services::start("texts", &[]).await;
    let (_, traces) = services.known(&[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]).await;
    assert_eq!(traces, [TRACE; 3]);
    let (_, fresh) = services.known(&[("traceparent", "00-1-2-3")]).await;
    assert!(fresh[0] != TRACE && fresh == vec![fresh[0].clone(); 3], "{fresh:?}");
    services.end();
}
