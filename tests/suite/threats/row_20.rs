//! Header values that try to break decoders and logs.

use kest_tests::logs::Logs;
use kest_tests::raw;

use super::{check_headers, service_of_vectors};

#[tokio::test]
async fn odd_escapes_and_bytes_are_refused() {
    assert_eq!(check_headers(20).await, 16);
}

#[tokio::test]
async fn refusal_is_logged_in_one_line_without_content() {
    let (logs, _guard) = Logs::keep();
    let service = service_of_vectors().await;
    let hostile = "kest.passport=%5B%22SECRET%0d%0aforged%20log%20line%1b[31m%22%5D,kest.chain_tip=0";
    let response = raw::call().baggage(hostile).send(service.address).await;
    assert_eq!(response.status, 400);
    let text = logs.text();
    let refusals = text.lines().filter(|line| line.contains("request refused")).count();
    assert_eq!(refusals, 1, "{text}");
    assert!(!text.contains("SECRET") && !text.contains("forged") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn bare_line_feed_and_nul_in_a_header_are_refused() {
    let service = service_of_vectors().await;
    for hostile in [&b"kest.user=a\nkest.user=b"[..], b"kest.user=a\0b", b"kest.user=a\rb"] {
        let response = raw::call().baggage(hostile).send(service.address).await;
        assert_eq!((response.status, service.runs()), (400, 0), "{hostile:?}");
    }
}
