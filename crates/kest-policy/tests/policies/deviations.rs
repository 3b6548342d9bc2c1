//! A deviation is for one policy, one operation, until one moment, and it is signed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kest_core::entry::PolicyTier;
use kest_core::policy::AuthorizeError;

use crate::rig::{Rig, run, run_plain, service};

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
async fn exempted_operation_runs_and_signs_who_approved_it() {
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &["yes/e", "no/pci"]).build().unwrap();
    let admission = run_plain(&service(&policies), "process_refund").await.unwrap();
    let signed = admission.entry().policy_context();
    assert_eq!(signed.policies(PolicyTier::Enterprise).collect::<Vec<_>>(), ["yes/e"]);
    assert_eq!(
        signed.policies(PolicyTier::Platform).count(),
        0,
        "what was not evaluated is not signed as such"
    );
    let [deviation] = signed.deviations() else { panic!("{signed:?}") };
    assert_eq!((&*deviation.policy, &*deviation.tier), ("no/pci", "platform"));
    assert_eq!(deviation.reason.as_deref(), Some("acts on cleared transactions"));
    assert_eq!(deviation.approver.as_deref(), Some("security-team@example.com"));
}

#[tokio::test]
async fn every_tier_and_the_operations_own_policy_see_the_exemption() {
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &["yes/e", "no/pci", "yes/f"]).build().unwrap();
    let own = policies.function(["yes/f"]).unwrap();
    run(&service(&policies), "process_refund", &own).await.unwrap();
    for (name, input) in rig.seen.lock().unwrap().iter() {
        let active: Vec<_> = input.environment().active_deviations.iter().map(AsRef::as_ref).collect();
        assert_eq!(active, ["no/pci"], "{name}");
    }
    assert_eq!(rig.asked(), ["yes/e", "yes/f"]);
}

#[tokio::test]
async fn other_operations_are_not_exempted() {
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &["yes/e", "no/pci"]).build().unwrap();
    for operation in ["process_refunds", "process_refund ", "PROCESS_REFUND", "buy"] {
        let refused = run_plain(&service(&policies), operation).await;
        assert!(matches!(refused, Err(AuthorizeError::Denied(_))), "{operation}: {refused:?}");
    }
}

#[tokio::test]
async fn exemption_that_expires_while_the_service_runs_is_over_at_once() {
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &["yes/e", "no/pci"]).build().unwrap();
    let kest = service(&policies);
    rig.clock.advance(Duration::from_secs(86_399));
    assert!(run_plain(&kest, "process_refund").await.is_ok());
    rig.clock.advance(Duration::from_secs(1));
    let refused = run_plain(&kest, "process_refund").await;
    assert!(matches!(refused, Err(AuthorizeError::Denied(_))), "{refused:?}");
}

#[tokio::test]
async fn exemption_from_everything_leaves_no_policy_and_allows_nothing() {
    let rig = Rig::new();
    let only = TIERS.replace("\"yes/e\"", "");
    let policies = rig.builder(&only, &["no/pci"]).build().unwrap();
    let refused = run_plain(&service(&policies), "process_refund").await;
    assert!(matches!(refused, Err(AuthorizeError::NoPolicy)), "{refused:?}");
}

#[tokio::test]
async fn each_use_is_logged_with_its_approver() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&lines);
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || Lines(Arc::clone(&written))).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let rig = Rig::new();
    let policies = rig.builder(TIERS, &["yes/e", "no/pci"]).build().unwrap();
    let entry = run_plain(&service(&policies), "process_refund").await.unwrap().entry().entry_id();
    drop(guard);
    let log = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    let line = log.lines().find(|line| line.contains("approved deviation")).unwrap();
    for part in [&entry.to_string(), "process_refund", "no/pci", "platform", "security-team@example.com"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
