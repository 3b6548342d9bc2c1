//! Names and labels of metrics are an interface: dashboards and alarms are built on them, to the letter.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_policy::{Engine, EngineError, EngineIdentity, Input, Policies, Verdict, telemetry};
use kest_testkit::TestClock;
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::rig::{Folder, Rig, run, run_plain, service};

/// Everything that was recorded: kind, name, labels, and how much of it, in order of name.
fn recorded(recorder: &DebuggingRecorder) -> Vec<String> {
    let line = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let (kind, key) = key.into_parts();
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let (kind, value) = match (kind, value) {
            (MetricKind::Counter, DebugValue::Counter(count)) => ("counter", count.to_string()),
            (MetricKind::Histogram, DebugValue::Histogram(values)) => ("histogram", format!("{values:?}")),
            (kind, value) => panic!("{kind:?} {value:?}"),
        };
        format!("{kind} {}{{{labels}}} {value}", key.name())
    };
    // What the service counts too is not this crate's to promise.
    let all = recorder.snapshotter().snapshot().into_vec().into_iter().map(line);
    let mut lines: Vec<String> = all.filter(|line| line.contains(" kest_policy_")).collect();
    lines.sort();
    lines
}

/// A sidecar that takes a quarter of a second for every answer, whatever it is.
#[derive(Debug)]
struct Sidecar(Arc<TestClock>);

#[async_trait]
impl Engine for Sidecar {
    fn kind(&self) -> &'static str {
        "sidecar"
    }

    fn identity(&self) -> EngineIdentity {
        EngineIdentity::of("sidecar", [])
    }

    fn names(&self) -> Vec<PolicyName> {
        ["failed", "renamed", "slow", "unavailable"].map(|name| PolicyName::new(name).unwrap()).to_vec()
    }

    async fn evaluate(&self, policy: &PolicyName, _: &Input) -> Result<Verdict, EngineError> {
        self.0.advance(Duration::from_millis(250));
        match policy.as_str() {
            "failed" => Err(EngineError::Failed("division by zero".into())),
            "unavailable" => Err(EngineError::Unavailable("connection refused".into())),
            "renamed" => Err(EngineError::UnknownPolicy(policy.clone())),
            _ => Ok(Verdict::Allow),
        }
    }
}

/// Policies with a [`Sidecar`].
fn with_sidecar(rig: &Rig) -> Policies {
    rig.builder("", &[]).engine(Sidecar(Arc::clone(&rig.clock))).build().unwrap()
}

const TIERS: &str = r#"
    enterprise_policies = ["yes/e"]
    platform_policies = ["no/pci"]

    [[deviations]]
    policy = "no/pci"
    tier = "platform"
    operation = "process_refund"
    reason = "acts on cleared transactions"
    approver = "security-team@example.com"
    expires = 2026-01-02T00:00:00Z
"#;

#[tokio::test]
async fn decisions_are_counted_by_policy_tier_and_answer() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new();
    let policies = rig.builder("app_policies = [\"yes/a\"]", &["yes/a", "yes/f", "no/f"]).build().unwrap();
    let kest = service(&policies);
    run(&kest, "buy", &policies.function(["yes/f"]).unwrap()).await.unwrap();
    run(&kest, "buy", &policies.function(["no/f"]).unwrap()).await.unwrap_err();
    let lines = [
        "counter kest_policy_cache_total{outcome=off} 4",
        "counter kest_policy_decisions_total{policy=no/f,tier=function,decision=deny} 1",
        "counter kest_policy_decisions_total{policy=yes/a,tier=application,decision=allow} 2",
        "counter kest_policy_decisions_total{policy=yes/f,tier=function,decision=allow} 1",
        "histogram kest_policy_evaluation_seconds{engine=closure} [0.0, 0.0, 0.0, 0.0]",
    ];
    assert_eq!(recorded(&recorder), lines);
}

#[tokio::test]
async fn remembered_decisions_are_counted_as_hits_and_are_decisions_all_the_same() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new();
    let builder = rig.builder("enterprise_policies = [\"yes/e\"]", &["yes/e"]);
    let policies = builder.cache_ttl(Duration::from_secs(3600)).build().unwrap();
    for _ in 0..3 {
        run_plain(&service(&policies), "buy").await.unwrap();
    }
    let lines = [
        "counter kest_policy_cache_total{outcome=hit} 2",
        "counter kest_policy_cache_total{outcome=miss} 1",
        "counter kest_policy_decisions_total{policy=yes/e,tier=enterprise,decision=allow} 3",
        "histogram kest_policy_evaluation_seconds{engine=closure} [0.0]",
    ];
    assert_eq!(recorded(&recorder), lines);
}

#[tokio::test]
async fn evaluations_without_a_verdict_are_counted_by_engine_and_kind() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new();
    let policies = with_sidecar(&rig);
    for name in ["failed", "renamed", "unavailable"] {
        run(&service(&policies), "buy", &policies.function([name]).unwrap()).await.unwrap_err();
    }
    let lines = [
        "counter kest_policy_cache_total{outcome=off} 3",
        "counter kest_policy_decisions_total{policy=failed,tier=function,decision=error} 1",
        "counter kest_policy_decisions_total{policy=renamed,tier=function,decision=error} 1",
        "counter kest_policy_decisions_total{policy=unavailable,tier=function,decision=error} 1",
        "counter kest_policy_engine_errors_total{engine=sidecar,kind=failed} 1",
        "counter kest_policy_engine_errors_total{engine=sidecar,kind=unavailable} 1",
        "counter kest_policy_engine_errors_total{engine=sidecar,kind=unknown} 1",
        "histogram kest_policy_evaluation_seconds{engine=sidecar} [0.25, 0.25, 0.25]",
    ];
    assert_eq!(recorded(&recorder), lines);
}

#[tokio::test]
async fn time_of_an_evaluation_is_in_seconds() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new();
    let policies = with_sidecar(&rig);
    run(&service(&policies), "buy", &policies.function(["slow"]).unwrap()).await.unwrap();
    let line = "histogram kest_policy_evaluation_seconds{engine=sidecar} [0.25]";
    assert_eq!(recorded(&recorder).last().unwrap(), line);
}

#[tokio::test]
async fn each_use_of_an_exemption_is_counted_by_policy_tier_and_operation() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &["yes/e", "no/pci"]).build().unwrap();
    for _ in 0..2 {
        run_plain(&service(&policies), "process_refund").await.unwrap();
    }
    let lines = [
        "counter kest_policy_cache_total{outcome=off} 2",
        "counter kest_policy_decisions_total{policy=yes/e,tier=enterprise,decision=allow} 2",
        "counter kest_policy_deviations_total{policy=no/pci,tier=platform,operation=process_refund} 2",
        "histogram kest_policy_evaluation_seconds{engine=closure} [0.0, 0.0]",
    ];
    assert_eq!(recorded(&recorder), lines);
}

#[test]
fn reloads_are_counted_by_outcome() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (rig, folder) = (Rig::new(), Folder::new());
    let path = folder.write("kest.toml", "");
    let policies = rig.builder("", &["yes/e"]).configuration_file(path).build().unwrap();
    assert_eq!(recorded(&recorder), Vec::<String>::new(), "the first load is no reload");
    policies.reload().unwrap();
    policies.reload().unwrap();
    folder.write("kest.toml", "enterprise_policies = [\"yes/typo\"]");
    policies.reload().unwrap_err();
    let lines = [
        "counter kest_policy_reloads_total{outcome=kept_old} 1",
        "counter kest_policy_reloads_total{outcome=loaded} 2",
    ];
    assert_eq!(recorded(&recorder), lines);
}

#[tokio::test]
async fn every_metric_is_described_and_the_time_has_a_unit() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    telemetry::describe_metrics();
    let rig = Rig::new();
    let policies = with_sidecar(&rig);
    run(&service(&policies), "buy", &policies.function(["failed"]).unwrap()).await.unwrap_err();
    policies.reload().unwrap();
    let exempted = rig.builder(TIERS, &["yes/e", "no/pci"]).build().unwrap();
    run_plain(&service(&exempted), "process_refund").await.unwrap();
    let mut described = std::collections::BTreeMap::new();
    for (key, unit, description, _) in recorder.snapshotter().snapshot().into_vec() {
        if !key.key().name().starts_with("kest_policy_") {
            continue;
        }
        assert!(description.is_some(), "{key:?}");
        described.insert(key.key().name().to_owned(), unit);
    }
    let expected = [
        (telemetry::CACHE, None),
        (telemetry::DECISIONS, None),
        (telemetry::DEVIATIONS, None),
        (telemetry::ENGINE_ERRORS, None),
        (telemetry::EVALUATION, Some(metrics::Unit::Seconds)),
        (telemetry::RELOADS, None),
    ];
    assert_eq!(described, expected.map(|(name, unit)| (name.to_owned(), unit)).into());
}
