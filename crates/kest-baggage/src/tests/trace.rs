//! Which trace goes on, and which does not.

use http::HeaderMap;
use kest_core::policy::dangerous_allow_all;
use kest_core::{AdmitOptions, Arrival, TraceContext};

use super::{carry, read};
use crate::rig::{arrived_for, kest, operation};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn texts(headers: &HeaderMap) -> Vec<String> {
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}", value.to_str().unwrap())
    };
    headers.iter().map(text).collect()
}

/// What a request gets that an operation sends, which came with `incoming` and signed the trace of that, or another.
async fn carried(incoming: &HeaderMap, signs: Option<&TraceContext>, mut outgoing: HeaderMap) -> Vec<String> {
    let arrival = read(incoming).into_iter().fold(arrived_for("alice").await, Arrival::with_trace);
    let options = AdmitOptions::default().with_trace_id(signs.map(TraceContext::trace_id));
    let admitted = kest().admit(&arrival, &operation("call"), &dangerous_allow_all(), options).await.unwrap();
    // Also inside of the operation.
    let nested = admitted.operation(operation("step")).admit(&dangerous_allow_all()).await.unwrap();
    carry(&mut outgoing, &nested);
    texts(&outgoing)
}

#[tokio::test]
async fn text_headers_go_on_without_a_tracer() {
    let trace = TraceContext::parse(PARENT).unwrap();
    let incoming = headers(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
    let expected = [format!("traceparent: {PARENT}"), "tracestate: a=1,b=2".to_owned()];
    assert_eq!(carried(&incoming, Some(&trace), HeaderMap::new()).await, expected);
    // The state of another span is not kept beside it.
    let stale = headers(&[("tracestate", "old=1")]);
    assert_eq!(carried(&incoming, Some(&trace), stale).await, expected);
}

#[tokio::test]
async fn header_that_the_program_wrote_stays() {
    let trace = TraceContext::parse(PARENT).unwrap();
    let own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let outgoing = headers(&[("traceparent", own)]);
    let incoming = headers(&[("traceparent", PARENT), ("tracestate", "a=1")]);
    assert_eq!(carried(&incoming, Some(&trace), outgoing).await, [format!("traceparent: {own}")]);
}

/// Attack: a stranger's trace at an edge that did not sign it.
#[tokio::test]
async fn trace_that_the_entry_does_not_name_stops_here() {
    let incoming = headers(&[("traceparent", PARENT), ("tracestate", "a=1")]);
    assert_eq!(carried(&incoming, None, HeaderMap::new()).await, Vec::<String>::new());
}

#[test]
fn doubled_or_malformed_traceparent_names_nothing() {
    assert!(read(&headers(&[("traceparent", PARENT)])).is_some());
    assert_eq!(read(&headers(&[("traceparent", PARENT), ("traceparent", PARENT)])), None);
    assert_eq!(read(&headers(&[("traceparent", "00-1-2-3")])), None);
    assert_eq!(read(&headers(&[("tracestate", "a=1")])), None);
    let unstated = read(&headers(&[("traceparent", PARENT), ("tracestate", "no list")])).unwrap();
    assert_eq!(unstated.state(), None);
}
