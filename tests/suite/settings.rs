//! No setting of a verifier or of the inbound layer is lost, in whatever order they are given.

use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use kest_core::passport::{SeenEntries, VerifyErrorKind, WorkloadRules};
use kest_core::trust::{Origin, Origins, TrustEvaluator, TrustModel, TrustScore, WeakestLink};
use kest_core::{Dialect, Limits, UnverifiedPassport, Verifier};
use kest_tests::forge;
use kest_tests::keys::{self, workload};
use kest_tests::raw;
use kest_tests::service::Setup;
use kest_tower::InboundBuilder;
use serde_json::json;

fn short() -> Limits {
    let mut limits = Limits::default();
    limits.entries = 2;
    limits
}

fn partners() -> TrustModel {
    let mut origins = Origins::default();
    origins.register(Origin::new("partner").unwrap(), TrustScore::new(70).unwrap()).unwrap();
    TrustModel::new(origins, Arc::new(WeakestLink))
}

fn gateway_only() -> WorkloadRules {
    WorkloadRules::default().introducers([workload("gateway")])
}

/// What holds only under the trust model above.
fn from_partner() -> Vec<String> {
    vec![
        forge::entry("gateway", 1, &[])
            .label("kest.origin", "partner")
            .with("/trust_score", json!(70))
            .sign(),
    ]
}

/// What holds in the legacy dialect only.
fn without_trace() -> Vec<String> {
    vec![forge::entry("gateway", 1, &[]).without_label("trace_id").sign()]
}

/// What does not hold where only the gateway introduces.
fn introduced_elsewhere() -> Vec<String> {
    vec![forge::entry("orders", 1, &[]).sign()]
}

/// What is too long under the limits above.
fn three() -> Vec<String> {
    let one = forge::entry("gateway", 1, &[]).sign();
    let two = forge::entry("orders", 2, &[&one]).sign();
    let three = forge::entry("ledger", 3, &[&two]).sign();
    vec![one, two, three]
}

/// Every order of `items`.
fn orders<Item: Copy>(items: &[Item]) -> Vec<Vec<Item>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let with = |place: usize| {
        let mut rest = items.to_vec();
        let first = rest.remove(place);
        orders(&rest).into_iter().map(move |mut order| {
            order.insert(0, first);
            order
        })
    };
    (0..items.len()).flat_map(with).collect()
}

fn kind(verifier: &Verifier, entries: &[String]) -> Option<VerifyErrorKind> {
    let carried = UnverifiedPassport::dangerous_from_entries(
        entries.iter().map(String::as_str),
        None,
        &Limits::default(),
    );
    verifier.verify(carried.unwrap(), &keys::ring()).err().map(|error| error.kind())
}

#[test]
fn verifier_keeps_every_setting_in_every_order() {
    type Setting = fn(Verifier) -> Verifier;
    let trust: Setting = |verifier| verifier.trust_model(partners());
    let rules: Setting = |verifier| verifier.workload_rules(gateway_only());
    let remember: Setting = |verifier| verifier.remember(SeenEntries::new(&Limits::default()));
    let legacy: Setting = |verifier| verifier.dialect(Dialect::LegacyPython);
    let strict: Setting = |verifier| verifier.dialect(Dialect::Strict);
    for order in orders(&[trust, rules, remember, strict]) {
        let verifier = order.into_iter().fold(Verifier::new(short()), |verifier, set| set(verifier));
        // Twice, so that what was remembered is judged like what is new.
        for _ in 0..2 {
            assert_eq!(kind(&verifier, &from_partner()), None);
            assert_eq!(kind(&verifier, &introduced_elsewhere()), Some(VerifyErrorKind::IntroducerNotAllowed));
            assert_eq!(kind(&verifier, &three()), Some(VerifyErrorKind::TooManyEntries));
            assert!(kind(&verifier, &without_trace()).is_some());
        }
    }
    for order in orders(&[trust, rules, remember, legacy]) {
        let verifier = order.into_iter().fold(Verifier::new(short()), |verifier, set| set(verifier));
        assert_eq!(kind(&verifier, &without_trace()), None);
        assert_eq!(kind(&verifier, &introduced_elsewhere()), Some(VerifyErrorKind::IntroducerNotAllowed));
        assert_eq!(kind(&verifier, &three()), Some(VerifyErrorKind::TooManyEntries));
        assert_eq!(verifier.settings().limits.entries, 2);
    }
}

#[tokio::test]
async fn inbound_layer_keeps_every_setting_in_every_order() {
    type Setting = fn(InboundBuilder) -> InboundBuilder;
    let limits: Setting = |builder| builder.limits(short());
    let trust: Setting = |builder| builder.trust_model(partners());
    let rules: Setting = |builder| builder.workload_rules(gateway_only());
    let legacy: Setting = |builder| builder.dialect(Dialect::LegacyPython);
    let carrying = |entries: Vec<String>| raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    for order in orders(&[limits, trust, rules]) {
        let inbound =
            Box::new(|builder| order.into_iter().fold(builder, |builder, set: Setting| set(builder)));
        let service = Setup { inbound, ..Setup::default() }.start().await;
        service.admitted(&carrying(from_partner())).await;
        service.refused(&carrying(introduced_elsewhere()), &[401]).await;
        service.refused(&carrying(three()), &[431]).await;
        service.refused(&carrying(without_trace()), &[401]).await;
    }
    for order in orders(&[limits, legacy, rules]) {
        let inbound =
            Box::new(|builder| order.into_iter().fold(builder, |builder, set: Setting| set(builder)));
        let service = Setup { inbound, ..Setup::default() }.start().await;
        service.admitted(&carrying(without_trace())).await;
        service.refused(&carrying(introduced_elsewhere()), &[401]).await;
        service.refused(&carrying(three()), &[431]).await;
    }
}

/// Says on which thread a passport was verified.
#[derive(Debug, Clone, Default)]
struct Witness(Arc<Mutex<Vec<ThreadId>>>);

impl TrustEvaluator for Witness {
    fn calculate(&self, own: TrustScore, parents: &[TrustScore]) -> TrustScore {
        self.0.lock().unwrap().push(std::thread::current().id());
        WeakestLink.calculate(own, parents)
    }
}

#[tokio::test]
async fn long_passports_leave_the_requests_own_thread_and_short_ones_do_not() {
    let witness = Witness::default();
    let model = TrustModel::new(Origins::default(), Arc::new(witness.clone()));
    let mut limits = Limits::default();
    limits.inline_verify_entries = 2;
    let inbound = Box::new(|builder: InboundBuilder| builder.trust_model(model));
    let service = Setup { inbound, limits, ..Setup::default() }.start().await;
    let here = std::thread::current().id();
    let carrying = |entries: &[String]| raw::call().baggage(forge::inline(entries, &forge::tip(entries)));
    let entries = three();
    service.admitted(&carrying(&entries[..2])).await;
    assert!(witness.0.lock().unwrap().drain(..).all(|thread| thread == here), "two entries were moved away");
    service.admitted(&carrying(&entries)).await;
    let threads: Vec<ThreadId> = witness.0.lock().unwrap().drain(..).collect();
    assert!(!threads.is_empty() && threads.iter().all(|thread| *thread != here), "three entries were not");
    // What does not hold is refused the same way on either side.
    for length in [2, 3] {
        let mut wrong = entries[..length].to_vec();
        wrong.swap(0, 1);
        service.refused(&carrying(&wrong), &[401]).await;
    }
}
