//! What a request says about its trace: continued where its sender is known, linked to otherwise.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kest_core::{Admission, Authenticate};
use kest_testkit::{TestCaller, TestKest};
use kest_tower::InboundBuilder;
use tower::ServiceExt as _;

use crate::rig::{Export, inbound, sent, serve, service_of, signed};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// The status, the trace that the entry names, and the `traceparent` and `tracestate` of what the operation sends.
async fn ask(kit: &TestKest, inbound: InboundBuilder, lines: &[(&str, &str)]) -> (StatusCode, Vec<String>) {
    let service = service_of(inbound, serve(kit), async |admission: Admission| {
        let headers = sent(&admission);
        let texts = headers.values().map(|it| it.to_str().unwrap());
        Full::<Bytes>::from(
            [signed(&admission).as_str()].into_iter().chain(texts).collect::<Vec<_>>().join("\n"),
        )
    });
    let request = lines.iter().fold(Request::builder(), |it, (name, value)| it.header(*name, *value));
    let answer = service.oneshot(request.body(Full::default()).unwrap()).await.unwrap();
    let status = answer.status();
    let text = answer.into_body().collect().await.unwrap_or_else(|_| panic!("it fails")).to_bytes();
    (status, String::from_utf8(text.to_vec()).unwrap().lines().map(str::to_owned).collect())
}

/// Attack: a stranger chooses the trace under which entries and spans are found, and whether spans are exported at all.
#[tokio::test]
async fn strangers_trace_is_linked_to_and_neither_continued_nor_signed_nor_sent_on() {
    for flags in ["00", "01"] {
        let export = Export::start();
        let kit = TestKest::new(["cart"]);
        let parent = format!("00-{TRACE}-{SPAN}-{flags}");
        let lines = [("traceparent", parent.as_str()), ("tracestate", "a=1")];
        let (status, said) = ask(&kit, inbound(&kit), &lines).await;
        assert_eq!(status, StatusCode::OK);
        let (request, operation) = (export.span("kest.inbound"), export.span("kest.verified.serve"));
        assert_eq!((request.parent(), request.links()), ("", vec![(TRACE, SPAN)]), "{flags}");
        assert_eq!((operation.parent(), operation.trace()), (request.id(), request.trace()), "{flags}");
        let own = request.trace();
        assert_eq!(said, [own.to_owned(), format!("00-{own}-{}-01", operation.id())], "{flags}");
        assert_ne!(own, TRACE, "{flags}");
    }
}

/// Attack: the same with something that only looks like a lineage.
#[tokio::test]
async fn refused_request_is_exported_in_a_trace_of_its_own() {
    let export = Export::start();
    let kit = TestKest::new(["gateway", "cart"]);
    let forged = kit.lineage().hops(2).tampered(kest_testkit::Tamper::EntryCutOut);
    let parent = format!("00-{TRACE}-{SPAN}-00");
    let lines = [("baggage", forged.to_str().unwrap()), ("traceparent", &parent)];
    let (status, _) = ask(&kit, inbound(&kit), &lines).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let request = export.span("kest.inbound");
    assert_eq!((request.parent(), request.links()), ("", vec![(TRACE, SPAN)]));
    assert_ne!(request.trace(), TRACE);
    assert_eq!(request.attribute("error.type"), ["passport_invalid"]);
}

/// Attack: a stranger copies a passport, to have the service continue and sign the trace of others. That of the passport itself is
/// in it.
#[tokio::test]
async fn copied_passport_makes_no_trace_known_but_its_own() {
    let kit = TestKest::new(["gateway", "cart"]);
    let passport = kit.lineage().hop("gateway").passport();
    let own = passport.tip_entries().next().unwrap().labels().trace_id().unwrap().to_owned();
    let sent = kit.carry(&passport, Request::new(()));
    let lineage = &sent.headers()["baggage"];
    for (trace, continued) in [(TRACE, false), (own.as_str(), true)] {
        let export = Export::start();
        let parent = format!("00-{trace}-{SPAN}-01");
        let lines = [("baggage", lineage.to_str().unwrap()), ("traceparent", parent.as_str())];
        // Nothing is said of what ties passports to their requests.
        let callers: Arc<dyn Authenticate> = Arc::new(TestCaller::anonymous());
        let inbound = kit.inbound().identity(callers);
        let (status, said) = ask(&kit, inbound, &lines).await;
        assert_eq!(status, StatusCode::OK);
        let request = export.span("kest.inbound");
        assert_eq!((request.trace() == trace, request.parent() == SPAN), (continued, continued), "{trace}");
        assert_eq!(said[0] == trace, continued, "{trace}");
    }
}

#[tokio::test]
async fn trace_of_a_known_sender_is_continued_signed_and_sent_on_with_its_state() {
    let long = format!("a={},b={}", "x".repeat(250), "x".repeat(300));
    for (states, state) in [(vec!["a=1", "b=2"], Some("a=1,b=2")), (vec![long.as_str()], None)] {
        let export = Export::start();
        let kit = TestKest::new(["gateway", "cart"]);
        let lineage = kit.lineage().hops(1).baggage();
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let mut lines = vec![("baggage", lineage.to_str().unwrap()), ("traceparent", parent.as_str())];
        lines.extend(states.into_iter().map(|state| ("tracestate", state)));
        let (_, said) = ask(&kit, inbound(&kit), &lines).await;
        let (request, operation) = (export.span("kest.inbound"), export.span("kest.verified.serve"));
        assert_eq!((request.trace(), request.parent(), request.links()), (TRACE, SPAN, vec![]));
        let carried = format!("00-{TRACE}-{}-01", operation.id());
        let expected = [Some(TRACE), Some(&carried), state];
        assert_eq!(said, expected.into_iter().flatten().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn strangers_trace_is_continued_where_a_service_says_so() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let inbound = inbound(&kit).dangerous_continue_traces_of_strangers();
    let (_, said) = ask(&kit, inbound, &[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]).await;
    let request = export.span("kest.inbound");
    assert_eq!((request.trace(), request.parent(), request.links()), (TRACE, SPAN, vec![]));
    assert_eq!(said[0], TRACE);
}
