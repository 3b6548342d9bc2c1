//! Policies about history are about this object's history: played with signed lineages, in both languages.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Operation;
use kest_core::entry::Resource;
use kest_policy::Policies;
use kest_tests::forge;
use kest_tests::keys;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use kest_tower::PeerWorkload;
use serde_json::json;

const INVOICE: &str = r#"{"certified_operations": ["approve_invoice"], "required_operations": ["validate_invoice"],
    "separation_of_duty": true}"#;

/// A service that approves invoice 7 if `kest/clark_wilson` in `language` allows it.
async fn approving(language: &str) -> Service {
    let folder = super::library::folder().join(language);
    let policies = Policies::builder().file(folder).cache_ttl(Duration::ZERO).build().unwrap();
    let resource = Resource::new("invoice-7").with_attributes(INVOICE).unwrap();
    let operation = Operation::named("approve_invoice").unwrap().resource(resource);
    let policy = Arc::new(policies.function(["kest/clark_wilson"]).unwrap());
    // Who sends the lineage is who signed its tip, so that nothing was cut off.
    let peer = Some(PeerWorkload::new(keys::workload("orders")));
    let inbound = Box::new(kest_tower::InboundBuilder::bound_to_peer);
    Setup { operation, policy, peer, inbound, ..Setup::default() }.start().await
}

/// One step: who takes it, what it is called, and which invoice it is about.
type Step = (&'static str, &'static str, Option<&'static str>);

/// A lineage of these steps, each by a user with a token of that hop.
fn after(steps: &[Step]) -> RawRequest {
    let mut entries: Vec<String> = Vec::new();
    for (number, (user, operation, invoice)) in steps.iter().enumerate() {
        let parents: Vec<&str> = entries.last().map(String::as_str).into_iter().collect();
        let mut entry = forge::entry("orders", u16::try_from(number).unwrap(), &parents)
            .with("/operation", json!(operation))
            .label("kest.identity", &format!(r#"{{"agent":null,"task":null,"user":"{user}"}}"#))
            .label("kest.identity_source", "jwt");
        if let Some(invoice) = invoice {
            entry = entry.label("kest.resource_id", invoice);
        }
        entries.push(entry.sign());
    }
    raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)))
}

const VALIDATED: Step = ("alice", "validate_invoice", Some("invoice-7"));
/// The caller comes through a hop that is about nothing in particular.
const BOB_COMES: Step = ("bob", "enter", None);

#[tokio::test]
async fn validation_of_another_invoice_does_not_approve_this_one() {
    for language in ["cedar", "rego"] {
        let service = approving(language).await;
        service.admitted(&after(&[VALIDATED, BOB_COMES])).await;
        let other = ("alice", "validate_invoice", Some("invoice-8"));
        service.refused(&after(&[other, BOB_COMES]), &[403]).await;
        // Something was validated, and this invoice was looked at: two halves make no whole.
        let looked = ("alice", "look_at_invoice", Some("invoice-7"));
        service.refused(&after(&[other, looked, BOB_COMES]), &[403]).await;
        service.refused(&after(&[("alice", "validate_invoice", None), BOB_COMES]), &[403]).await;
        service.refused(&after(&[looked, BOB_COMES]), &[403]).await;
    }
}

#[tokio::test]
async fn one_who_took_a_step_with_this_invoice_does_not_approve_it() {
    for language in ["cedar", "rego"] {
        let service = approving(language).await;
        let edited = ("bob", "edit_invoice", Some("invoice-7"));
        service.refused(&after(&[edited, VALIDATED, BOB_COMES]), &[403]).await;
        let edited_another = ("bob", "edit_invoice", Some("invoice-8"));
        service.admitted(&after(&[edited_another, VALIDATED, BOB_COMES])).await;
        service.refused(&after(&[("bob", "validate_invoice", Some("invoice-7"))]), &[403]).await;
    }
}
