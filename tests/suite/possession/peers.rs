//! Passports that are bound to the peer, over mutual TLS that ends in the service: only the tip's signer may bring one.

use std::sync::Arc;

use http::StatusCode;
use kest_identity::IdentityChoice;
use kest_tests::clock::today;
use kest_tests::{forge, keys};

use super::authority::Authority;
use super::mutual::MutualService;

/// A passport whose tip the workload called `name` signed.
fn passport(name: &str) -> String {
    let entries = vec![forge::entry(name, 1, &[]).sign()];
    forge::inline(&entries, &forge::tip(&entries))
}

#[tokio::test]
async fn stolen_passport_is_refused_on_every_connection_but_its_signers() {
    let authority = Authority::new();
    let identity = IdentityChoice::from_lineage();
    let service =
        MutualService::with(&authority, identity, |it| it.bound_to_peer().clock(Arc::new(today()))).await;
    let id = |name: &str| keys::workload(name).to_string();
    let (gateway, orders) = (id("gateway"), id("orders"));
    let refused = (StatusCode::UNAUTHORIZED, Some("Kest".to_owned()), String::new());
    let cases = [
        (Some(authority.workload(&[&gateway])), true),
        (Some(authority.workload(&[&orders])), false),
        // Attacks: two names of which one is right, a name that is no URI, no certificate.
        (Some(authority.workload(&[&orders, &gateway])), false),
        (Some(authority.client("gateway")), false),
        (None, false),
    ];
    for (number, (credentials, taken)) in cases.iter().enumerate() {
        let mut connection = service.connect(&authority, credentials.as_ref()).await;
        let claim = format!("URI={gateway}");
        // What proxies write about certificates that they saw says nothing here.
        let headers = [("baggage", passport("gateway")), ("x-forwarded-client-cert", claim)];
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = connection.call(&headers).await.unwrap();
        if *taken {
            assert_eq!(answer.0, StatusCode::OK, "{number}");
        } else {
            assert_eq!(answer, refused, "{number}");
        }
    }
    assert_eq!(service.counts(), (1, 1));
}
