//! What we write passes nginx, Apache and `HAProxy` at their default limits, and arrives byte for byte.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue};
use kest_baggage::{HeaderReader, PackedHeader, Tier, Tiers, pack};
use kest_core::{Identity, Limits, OsRandom};
use kest_servers::proxies::{Kind, Proxy};
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::Service;
use kest_tests::{forge, keys};

use crate::outbound::Recorder;

/// The longest lineage that is written in `tier` when nothing but the line bounds it.
async fn longest(tier: Tier, tiers: &Tiers) -> PackedHeader {
    let mut longest = None;
    for hops in 1.. {
        let admission = keys::chain(hops).await;
        let identity = Identity::default().with_user("alice").with_agent("web").with_task("orders");
        match pack(admission.passport(), &identity, tiers, &OsRandom, &Limits::default()).await {
            Ok(header) if header.tier() == Some(tier) => longest = Some(header),
            _ => break,
        }
    }
    longest.unwrap()
}

/// `header` beside as much of others, some of it in no ASCII, as it is put beside at all.
fn filled(header: &PackedHeader) -> Vec<u8> {
    let limits = Limits::default();
    let beside = |room: usize| {
        let line = ["name=J\u{f6}rg,fill=", &"x".repeat(room)].concat();
        let mut headers = HeaderMap::new();
        headers.insert("baggage", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        header.inject(&mut headers, &limits).ok().map(|()| headers["baggage"].as_bytes().to_vec())
    };
    (0..limits.outgoing_header_bytes + 64).rev().find_map(beside).unwrap()
}

/// What else real requests bring along: 2 KiB of token, 1 KiB of cookies.
fn with_company(request: RawRequest) -> RawRequest {
    request
        .bearer(&"t".repeat(2048))
        .header("cookie", format!("session={}", "c".repeat(1024)))
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("accept", "application/json")
        .header("user-agent", "proxies/1")
}

async fn over_http2(address: SocketAddr, baggage: &[u8]) -> u16 {
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let request = client.post(format!("http://{address}/call")).bearer_auth("t".repeat(2048));
    request
        .header("baggage", HeaderValue::from_bytes(baggage).unwrap())
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn largest_line_that_we_write_passes_each_proxy_byte_for_byte() {
    let wide = || Tiers::auto().threshold(1 << 20);
    let lines = [
        filled(&longest(Tier::Inline, &wide()).await),
        filled(&longest(Tier::Inline, &Tiers::auto()).await),
        filled(&longest(Tier::Compressed, &Tiers::compressed_always().threshold(1 << 20)).await),
    ];
    for line in &lines {
        assert_eq!(line.len() + "baggage: \r\n".len(), Limits::default().outgoing_header_bytes);
    }
    for kind in Kind::ALL {
        let next = Recorder::start().await;
        let proxy = Proxy::start(kind, next.address).await;
        for (index, line) in lines.iter().enumerate() {
            let request = with_company(raw::call().baggage(line));
            assert_eq!(request.send(proxy.http1()).await.status, 200, "{kind:?} {index}");
            assert_eq!(over_http2(proxy.http2(), line).await, 200, "{kind:?} {index} over http/2");
        }
        let arrived: Vec<_> = next.requests();
        assert_eq!(arrived.len(), 2 * lines.len());
        for (headers, line) in arrived.iter().zip(lines.iter().flat_map(|line| [line, line])) {
            let found: Vec<_> = headers.get_all("baggage").iter().map(HeaderValue::as_bytes).collect();
            assert_eq!(found, [line.as_slice()], "{kind:?}");
        }
    }
}

#[tokio::test]
async fn passport_is_verified_behind_each_proxy() {
    let chain = keys::chain(4).await;
    let entries: Vec<String> = chain.passport().entries().iter().map(|it| it.compact().to_owned()).collect();
    let carried = forge::inline(&entries, &forge::tip(&entries));
    for kind in Kind::ALL {
        let service = Service::start().await;
        let proxy = Proxy::start(kind, service.address).await;
        // In one line, and in two with those of others around.
        for request in [
            raw::call().baggage(&carried),
            raw::call().baggage("region=eu, name=J\u{f6}rg").baggage(&carried).baggage("sentry-trace_id=1"),
        ] {
            let response = with_company(request).send(proxy.http1()).await;
            assert_eq!(response.status, 200, "{kind:?}");
            let seen: serde_json::Value = serde_json::from_str(&response.body).unwrap();
            assert_eq!(seen["entries"], entries.len() + 1, "{kind:?}");
            assert_eq!(seen["passport"].as_array().unwrap()[..entries.len()], entries[..], "{kind:?}");
        }
    }
}

#[tokio::test]
async fn lines_of_one_request_are_still_one_list_behind_each_proxy() {
    for kind in Kind::ALL {
        let next = Recorder::start().await;
        let proxy = Proxy::start(kind, next.address).await;
        let request =
            raw::call().baggage("region=eu").baggage("kest.passport=[]").baggage("kest.chain_tip=0");
        assert_eq!(request.send(proxy.http1()).await.status, 200, "{kind:?}");
        let packed = HeaderReader::default().read_headers(&next.requests()[0]).unwrap();
        assert_eq!(packed.tier(), Some(Tier::Inline), "{kind:?}");
    }
}
