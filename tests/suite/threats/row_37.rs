//! Odd but harmless baggage of others passes untouched, and ours stay strict beside it.

use http::{HeaderMap, HeaderValue};
use kest_tests::forge;
use kest_tests::keys;
use kest_tests::raw;
use kest_tests::service::Service;

/// What vendors, libraries and people have been seen to send.
fn oddities() -> Vec<Vec<u8>> {
    let many = |count: usize| (0..count).map(|number| format!("v{number}=1")).collect::<Vec<_>>().join(",");
    vec![
        "user=J\u{f6}rg,caf\u{e9}=\u{2603},\u{8ba2}\u{5355}=1".as_bytes().to_vec(),
        b"name=J\xf6rg,caf\xe9=\xa4".to_vec(),
        b"a=%,b=%zz,c=%ff,%=1,%ff%fe=2,d=%00%0a".to_vec(),
        b"=,=x,;p,\"q\"=\"a b\",x=[1,2],{\"json\":1},<x>".to_vec(),
        b"sentry-trace_id=771a43a4192642f0b136d5159a501700,sentry-transaction=%2Fa%2C%20b".to_vec(),
        b"kest=1,kestrel.id=2,xkest.user=3,kest%2Fuser=4".to_vec(),
        many(181).into_bytes(),
        many(1000).into_bytes(),
        [&b"big="[..], &[b'x'; 9000]].concat(),
    ]
}

#[tokio::test]
async fn odd_baggage_of_others_fails_no_request_and_arrives_unchanged() {
    let service = Service::start().await;
    for odd in oddities() {
        let seen = service.admitted(&raw::call().baggage(&odd)).await;
        let shown = String::from_utf8_lossy(&odd).into_owned();
        assert_eq!(seen["baggage"], serde_json::json!([shown]));
    }
}

#[tokio::test]
async fn odd_baggage_of_others_changes_nothing_about_a_passport() {
    let service = Service::start().await;
    let chain = keys::chain(2).await;
    let entries: Vec<String> = chain.passport().entries().iter().map(|it| it.compact().to_owned()).collect();
    let ours = forge::inline(&entries, &forge::tip(&entries));
    for odd in oddities() {
        let seen = service.admitted(&raw::call().baggage(&odd).baggage(&ours).baggage(&odd)).await;
        assert_eq!(seen["entries"], 3);
        let bad = raw::call().baggage(&odd).baggage(forge::inline(&entries[..1], &forge::tip(&entries)));
        service.refused(&bad, &[401]).await;
        service.refused(&raw::call().baggage(&odd).baggage(b"kest.user=J\xf6rg"), &[400]).await;
    }
}

#[test]
fn strip_leaves_bytes_and_order_of_others_alone() {
    for odd in oddities() {
        let mut untouched = HeaderMap::new();
        untouched.insert("baggage", HeaderValue::from_bytes(&odd).unwrap());
        kest_baggage::strip(&mut untouched);
        assert_eq!(untouched["baggage"].as_bytes(), odd);

        let mut beside = HeaderMap::new();
        let line = [b"kest.user=admin,", odd.as_slice(), b",kest.task=x"].concat();
        beside.insert("baggage", HeaderValue::from_bytes(&line).unwrap());
        kest_baggage::strip(&mut beside);
        assert_eq!(beside["baggage"].as_bytes(), odd);
    }
}

#[tokio::test]
async fn ten_thousand_members_of_others_are_still_too_many() {
    let service = Service::start().await;
    for flood in ["a=1,".repeat(10_000), "a=,".repeat(10_000), ",".repeat(10_000)] {
        service.refused(&raw::call().baggage(flood), &[431]).await;
    }
}
