//! Every attack of `docs/threats.md`, played against the real layers over loopback HTTP: one module a row.

mod row_01;
mod row_02;
mod row_03;
mod row_04;
mod row_05;
mod row_06;
mod row_07;
mod row_08;
mod row_09;
mod row_10;
mod row_11;
mod row_12;
mod row_13;
mod row_14;
mod row_15;
mod row_16;
mod row_17;
mod row_18;
mod row_19;
mod row_20;
mod row_21;
mod row_22;
mod row_23;
mod row_24;
mod row_25;
mod row_26;
mod row_27;
mod row_28;
mod row_30;
mod row_36;
mod row_37;
mod signed;

use std::sync::Arc;

use kest_core::signature::{KeyRing, ReplaceableKeys};
use kest_testkit::TestClock;
use kest_tests::forge;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use kest_tests::vectors::{self, text, texts};
use serde_json::Value;

/// A service that trusts the keys of the vectors.
async fn service_of_vectors() -> Service {
    let keys = ReplaceableKeys::new(KeyRing::clone(&vectors::ring()));
    // They are dated on the day on which this clock stands.
    Setup { keys, clock: Arc::new(TestClock::default()), ..Setup::default() }.start().await
}

/// Sends every passport that the vectors file under `row`; each must be refused with one of `statuses`.
async fn check_passports(row: u64, statuses: &[u16]) -> usize {
    let service = service_of_vectors().await;
    let cases = of_row("refuse.json", row);
    for case in &cases {
        let (entries, tip) = (texts(case, "passport"), text(case, "chain_tip"));
        let inline = forge::inline(&entries, tip);
        let header = if inline.len() <= 16_000 { inline } else { forge::compressed(&entries, tip) };
        check(&service, &raw::call().baggage(header), statuses, text(case, "name")).await;
    }
    cases.len()
}

/// Sends every header that the vectors file under `row`; each must be refused with the status filed beside it.
async fn check_headers(row: u64) -> usize {
    let cases = of_row("header_bad.json", row);
    for case in &cases {
        let service = service_of_vectors().await;
        vectors::keep_claims(service.claims.as_ref(), case).await;
        let request = vectors::lines(case).into_iter().fold(raw::call(), RawRequest::baggage);
        let status = &case["status"];
        let statuses: Vec<u16> =
            status.as_array().map_or_else(|| vec![number(status)], |list| list.iter().map(number).collect());
        check(&service, &request, &statuses, text(case, "name")).await;
    }
    cases.len()
}

async fn check(service: &Service, request: &RawRequest, statuses: &[u16], name: &str) {
    let response = request.send(service.address).await;
    assert!(statuses.contains(&response.status), "{name}: {} is not one of {statuses:?}", response.status);
    assert_eq!(response.body, "", "{name}: a refusal has no body");
    assert_eq!(
        (service.runs(), service.signatures()),
        (0, 0),
        "{name}: the handler ran or an entry was signed"
    );
    assert_eq!(
        response.status == 401,
        response.header("www-authenticate").is_some(),
        "{name}: 401 has a challenge"
    );
}

fn of_row(file: &str, row: u64) -> Vec<Value> {
    vectors::cases(file).into_iter().filter(|case| case["row"].as_u64() == Some(row)).collect()
}

fn number(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}
