//! A set of policies is replaced whole, or not at all.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_core::policy::AuthorizeError;
use kest_policy::{Engine, EngineError, EngineIdentity, Input, Policies, PoliciesBuilder, Verdict};
use tokio::sync::Notify;

use crate::rig::{Folder, Rig, run, run_plain, service};

fn configuration(folder: &Folder, enterprise: &str) -> std::path::PathBuf {
    folder.write("kest.toml", &format!("enterprise_policies = [\"{enterprise}\"]"))
}

fn builder(rig: &Rig, folder: &Folder) -> PoliciesBuilder {
    rig.builder("", &["yes/a", "no/b", "yes/c"]).configuration_file(folder.path("kest.toml"))
}

#[tokio::test]
async fn new_set_is_in_force_for_the_next_request() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let policies = builder(&rig, &folder).build().unwrap();
    let kest = service(&policies);
    assert!(run_plain(&kest, "buy").await.is_ok());
    configuration(&folder, "no/b");
    assert_eq!(policies.reload().unwrap(), 2);
    assert!(matches!(run_plain(&kest, "buy").await, Err(AuthorizeError::Denied(_))));
    assert_eq!(policies.status().generation, 2);
}

#[tokio::test]
async fn broken_file_keeps_the_old_set_and_says_so() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "no/b");
    let policies = builder(&rig, &folder).build().unwrap();
    for broken in ["enterprise_policies = [", "enterprise_policies = [\"yes/typo\"]", "unknown = 1"] {
        folder.write("kest.toml", broken);
        let errors = policies.reload().unwrap_err();
        let status = policies.status();
        assert_eq!(status.generation, 1);
        assert_eq!(status.failure.unwrap().to_string(), errors.to_string());
        assert!(matches!(run_plain(&service(&policies), "buy").await, Err(AuthorizeError::Denied(_))));
    }
    configuration(&folder, "yes/a");
    policies.reload().unwrap();
    assert!(policies.status().failure.is_none());
}

#[test]
fn expired_deviation_stops_the_reload() {
    let (rig, folder) = (Rig::new(), Folder::new());
    let text = |expires: &str| {
        format!(
            "enterprise_policies = [\"yes/a\"]\n[[deviations]]\npolicy = \"yes/a\"\ntier = \"enterprise\"\n\
             operation = \"o\"\nreason = \"r\"\napprover = \"a\"\nexpires = {expires}\n"
        )
    };
    folder.write("kest.toml", &text("2026-01-01T01:00:00Z"));
    let policies = builder(&rig, &folder).build().unwrap();
    rig.clock.advance(Duration::from_secs(3600));
    let errors = policies.reload().unwrap_err().to_string();
    assert!(errors.ends_with("deviation from policy yes/a expired at 2026-01-01T01:00:00Z"), "{errors}");
}

/// A sidecar, as far as names go; its answer waits until it is let go.
#[derive(Debug)]
struct Slow {
    asked: Arc<Notify>,
    open: Arc<Notify>,
}

#[async_trait]
impl Engine for Slow {
    fn kind(&self) -> &'static str {
        "slow"
    }

    fn identity(&self) -> EngineIdentity {
        EngineIdentity::of("slow", [])
    }

    fn names(&self) -> Vec<PolicyName> {
        vec![PolicyName::new("slow").unwrap()]
    }

    async fn evaluate(&self, _: &PolicyName, _: &Input) -> Result<Verdict, EngineError> {
        self.asked.notify_one();
        self.open.notified().await;
        Ok(Verdict::Allow)
    }
}

#[tokio::test]
async fn request_that_has_begun_finishes_with_the_set_that_it_began_with() {
    let (rig, folder) = (Rig::new(), Folder::new());
    folder.write("kest.toml", "enterprise_policies = [\"slow\"]\napp_policies = [\"yes/a\"]");
    let (asked, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = Slow { asked: Arc::clone(&asked), open: Arc::clone(&open) };
    let policies = builder(&rig, &folder).engine(slow).build().unwrap();
    let own = policies.function(["yes/c"]).unwrap();
    let kest = service(&policies);
    let (admitted, ()) = tokio::join!(run(&kest, "buy", &own), async {
        asked.notified().await;
        folder.write("kest.toml", "app_policies = [\"no/b\"]");
        policies.reload().unwrap();
        open.notify_one();
    });
    let entry = admitted.unwrap();
    let signed = entry.entry().policy_context();
    let of = |tier| signed.policies(tier).collect::<Vec<_>>();
    assert_eq!(of(kest_core::entry::PolicyTier::Enterprise), ["slow"]);
    assert_eq!(of(kest_core::entry::PolicyTier::Application), ["yes/a"], "the old set whole");
    assert!(matches!(run(&kest, "buy", &own).await, Err(AuthorizeError::Denied(_))), "the new set whole");
}

#[tokio::test]
async fn remembered_decisions_of_the_old_set_do_not_outlive_it() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let policies = builder(&rig, &folder).cache_ttl(Duration::from_secs(3600)).build().unwrap();
    let kest = service(&policies);
    run_plain(&kest, "buy").await.unwrap();
    run_plain(&kest, "buy").await.unwrap();
    assert_eq!(rig.asked().len(), 1);
    policies.reload().unwrap();
    run_plain(&kest, "buy").await.unwrap();
    assert_eq!(rig.asked().len(), 2, "a reload forgets");
    policies.invalidate();
    run_plain(&kest, "buy").await.unwrap();
    assert_eq!(rig.asked().len(), 3, "and so does being told to");
}

/// An engine that a reload replaces by one of files, in the languages that are built in.
#[cfg(feature = "rego")]
#[tokio::test]
async fn reload_that_drops_a_policy_in_use_is_refused() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let rego = |name: &str| format!("package {name}\n\nimport rego.v1\n\nallow := true\n");
    folder.write("shop.rego", &rego("shop"));
    let policies = builder(&rig, &folder).file(folder.path("shop.rego")).build().unwrap();
    let _own = policies.function(["shop"]).unwrap();
    folder.write("shop.rego", &rego("shop2"));
    let errors = policies.reload().unwrap_err().to_string();
    assert_eq!(errors, "shop: policy shop is in use and would be gone");
    assert_eq!(policies.status().generation, 1);
}

/// Waits for what a watch does on its own; the clock of the runtime is not the machine's.
async fn watched(policies: &Policies) -> kest_policy::Watch {
    let watch = policies.watch(Duration::from_secs(1));
    policies.after_checks(2).await;
    watch
}

#[tokio::test(start_paused = true)]
async fn watch_takes_up_what_has_changed() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let policies = builder(&rig, &folder).build().unwrap();
    let _watch = watched(&policies).await;
    assert_eq!(policies.status().generation, 1, "nothing has changed");
    configuration(&folder, "no/b");
    policies.after_generation(2).await;
    assert!(matches!(run_plain(&service(&policies), "buy").await, Err(AuthorizeError::Denied(_))));
}

#[tokio::test(start_paused = true)]
async fn watch_keeps_the_old_set_while_a_file_is_broken_or_missing() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "no/b");
    let policies = builder(&rig, &folder).build().unwrap();
    let _watch = watched(&policies).await;
    folder.write("kest.toml", "enterprise_policies = 7");
    policies.after_failure().await;
    assert_eq!(policies.status().generation, 1);
    configuration(&folder, "no/b");
    policies.after_generation(2).await;
    assert!(policies.status().failure.is_none(), "what is in force once more is no failure");
    std::fs::remove_file(folder.path("kest.toml")).unwrap();
    policies.after_failure().await;
    assert!(matches!(run_plain(&service(&policies), "buy").await, Err(AuthorizeError::Denied(_))));
}
