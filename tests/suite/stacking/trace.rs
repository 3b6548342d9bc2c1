//! Which trace an entry names.

use std::convert::Infallible;

use http::{Request, Response};
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, Admitter, Operation};
use kest_tests::forge;
use kest_tests::keys;
use kest_tower::OperationLayer;
use tower::{ServiceBuilder, ServiceExt as _};

use super::inbound;
use crate::text_of;

#[tokio::test]
async fn strangers_trace_is_signed_only_where_a_passport_came() {
    const STRANGER: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const LINEAGE: &str = "d76533500a3597ea165ae60bdafe2a33";
    const TRACER: &str = "0af7651916cd43dd8448eb211c80319c";
    let good = format!("00-{STRANGER}-00f067aa0ba902b7-01");
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let carried = forge::inline(&entries, &forge::tip(&entries));
    let empty = "kest.passport=%5B%5D,kest.chain_tip=0";
    for (what, baggage, header, tracer, signed) in [
        ("nothing", None, None, None, None),
        ("a stranger's", None, Some(good.as_str()), None, None),
        ("an empty passport", Some(empty), Some(&good), None, None),
        ("a passport and a header", Some(carried.as_str()), Some(&good), None, Some(STRANGER)),
        ("a passport alone", Some(&carried), None, None, Some(LINEAGE)),
        ("a passport and rubbish", Some(&carried), Some("00-1-2-3"), None, Some(LINEAGE)),
        ("a tracer and a stranger", None, Some(&good), Some(TRACER), Some(TRACER)),
        ("a tracer and all", Some(&carried), Some(&good), Some(TRACER), Some(TRACER)),
    ] {
        let named = tracer.and_then(kest_core::entry::TraceId::parse);
        let kest = Admitter::builder(keys::signer("service")).trace_source(move || named).build();
        let layer =
            || OperationLayer::new(kest.clone(), Operation::named("call").unwrap(), dangerous_allow_all());
        let service = ServiceBuilder::new().layer(inbound()).layer(layer()).layer(layer()).service_fn(
            async |request: Request<_>| {
                let admission = request.extensions().get::<Admission>().unwrap().clone();
                let traces = admission.passport().entries().iter().rev().take(2);
                let traces: Vec<_> = traces.map(|it| it.labels().trace_id().unwrap().to_owned()).collect();
                Ok::<_, Infallible>(Response::new(traces.join(" ")))
            },
        );
        let request = Request::builder().method("POST");
        let request = baggage.iter().fold(request, |it, baggage| it.header("baggage", *baggage));
        let request = header.iter().fold(request, |it, header| it.header("traceparent", *header));
        let said = text_of(service.oneshot(request.body(String::new()).unwrap()).await.unwrap()).await;
        let (inner, outer) = said.split_once(' ').unwrap();
        assert_eq!(inner, outer, "{what}: one request, one trace");
        match signed {
            Some(signed) => assert_eq!(inner, signed, "{what}"),
            None => {
                assert!(inner.len() == 32 && ![STRANGER, LINEAGE, TRACER].contains(&inner), "{what}: {inner}")
            }
        }
    }
}
