//! Proofs that every question to a store and every refused claim is counted under its own name.

use std::sync::Arc;

use kest_core::Limits;
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::*;
use crate::rig::{Moody, claims, packed_for, passport};
use crate::seals::{Deployment, kind, redeemed, sealing, sent};
use crate::{Fallback, InMemoryPassports, PassportStores, Tiers};

/// What was recorded, sorted: `name{label=value} n`; of histograms, how many values.
fn recorded(recorder: &DebuggingRecorder) -> Vec<String> {
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    let mut lines: Vec<String> = snapshot
        .into_iter()
        .map(|(key, _unit, _description, value)| {
            let (kind, key) = key.into_parts();
            let labels: Vec<_> = key.labels().map(|it| format!("{}={}", it.key(), it.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => count,
                DebugValue::Histogram(values) => values.len().try_into().unwrap(),
                DebugValue::Gauge(_) => 0,
            };
            assert_ne!(kind, MetricKind::Gauge);
            format!("{}{{{}}} {value}", key.name(), labels.join(","))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_question_and_every_refused_claim_is_counted() {
    let recorder = DebuggingRecorder::new();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (shop, passport) = (Deployment::new(), passport(2).await);
            let once = shop.claims(sealing("k1", "shop").single_use());
            let (line, claim) = sent(&passport, &once).await;
            redeemed(&line, &once).await.unwrap();
            assert_eq!(kind(&line, &once).await, "claim_check_gone");
            shop.plant(&claim, "[]").await;
            assert_eq!(kind(&line, &once).await, "claim_check_not_sealed");
            for first in [Moody::Down, Moody::Silent] {
                let second = Arc::<InMemoryPassports>::clone(&claims());
                let both = PassportStores::from(Arc::new(first)).fallback(Fallback::Second(second));
                redeemed(&sent(&passport, &both).await.0, &both).await.unwrap();
            }
            let mut none = Limits::default();
            none.passport_store_bytes = 0;
            let full = Tiers::auto().threshold(0).store(Arc::new(InMemoryPassports::new(&none)));
            packed_for(&passport, &kest_core::Identity::default(), &full).await.unwrap_err();
        });
    });
    assert_eq!(
        recorded(&recorder),
        [
            "kest_claim_checks_refused_total{kind=claim_check_not_sealed} 1",
            "kest_passport_store_questions_total{operation=get,outcome=hit,store=first} 2",
            "kest_passport_store_questions_total{operation=get,outcome=hit,store=second} 2",
            "kest_passport_store_questions_total{operation=get,outcome=miss,store=first} 1",
            "kest_passport_store_questions_total{operation=get,outcome=slow,store=first} 1",
            "kest_passport_store_questions_total{operation=get,outcome=unavailable,store=first} 1",
            "kest_passport_store_questions_total{operation=put,outcome=full,store=first} 1",
            "kest_passport_store_questions_total{operation=put,outcome=kept,store=first} 1",
            "kest_passport_store_questions_total{operation=put,outcome=kept,store=second} 2",
            "kest_passport_store_questions_total{operation=put,outcome=slow,store=first} 1",
            "kest_passport_store_questions_total{operation=put,outcome=unavailable,store=first} 1",
            "kest_passport_store_questions_total{operation=remove,outcome=ended,store=first} 1",
            "kest_passport_store_seconds{operation=get,store=first} 5",
            "kest_passport_store_seconds{operation=get,store=second} 2",
            "kest_passport_store_seconds{operation=put,store=first} 4",
            "kest_passport_store_seconds{operation=put,store=second} 2",
            "kest_passport_store_seconds{operation=remove,store=first} 1",
        ]
    );
}

#[test]
fn every_metric_has_a_description() {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        describe_metrics();
        metrics::counter!(PASSPORT_STORE).increment(1);
        metrics::counter!(CLAIM_CHECKS_REFUSED).increment(1);
        metrics::histogram!(PASSPORT_STORE_TIME).record(1.0);
    });
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    assert_eq!(snapshot.len(), 3);
    assert!(snapshot.iter().all(|(_, _, description, _)| description.is_some()));
}
