//! What an audit log is told of the keys and policies by which a service decides.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kest::core::Audit;
use kest::core::audit::{AuditError, Finished, InForceDigests, Refused, Signed};
use kest::core::entry::EntryHash;
use kest::core::signature::{Bundle, ReplaceableKeys};
use kest::prelude::*;
use kest::{Operation, Origin, Policies, Trust, policy_fn};

use crate::rig::keys;

#[derive(Debug, PartialEq, Eq)]
enum Told {
    InForce(Option<EntryHash>, Option<EntryHash>),
    Signed,
    Refused,
}

#[derive(Debug, Default)]
struct Log {
    told: Mutex<Vec<Told>>,
    overloaded: AtomicBool,
}

impl Log {
    fn tell(&self, told: Told) {
        self.told.lock().unwrap().push(told);
    }

    fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

#[async_trait]
impl Audit for Log {
    async fn signed(&self, _signed: &Signed<'_>) -> Result<(), AuditError> {
        self.tell(Told::Signed);
        Ok(())
    }

    fn refused(&self, _refused: &Refused<'_>) {
        self.tell(Told::Refused);
    }

    fn finished(&self, _finished: &Finished) {}

    fn in_force(&self, in_force: &InForceDigests) -> Result<(), AuditError> {
        if self.overloaded.load(Ordering::Relaxed) {
            return Err(AuditError::new("overloaded", "too much waits"));
        }
        self.tell(Told::InForce(in_force.keys, in_force.policies));
        Ok(())
    }
}

/// A service that follows keys and policies, and its log.
fn service(trust: impl Into<Trust>, policies: Option<&Policies>) -> (Arc<Log>, Kest) {
    let (signer, _own) = keys("cart");
    let log = Arc::new(Log::default());
    let shared: Arc<dyn Audit> = Arc::<Log>::clone(&log);
    let builder = Kest::builder(signer).trust(trust).dangerous_bearer_passports().audit(shared);
    let built = match policies {
        Some(policies) => builder.policies(policies.clone()).build(),
        None => builder.without_deployment_policies().build(),
    };
    (log, built.unwrap())
}

async fn operate(kest: &Kest, allows: bool) {
    let policy = policy_fn("told", move |_asked| allows).unwrap();
    let began = kest.originate(Origin::system(), &Operation::named("step").unwrap(), &policy).await;
    assert_eq!(began.is_ok(), allows);
}

/// Attack: keys are exchanged for an hour, and the log does not tell what was believed by them from what was not.
#[tokio::test]
async fn change_of_keys_is_recorded_before_what_is_decided_by_them() {
    let ((_, first), (_, second)) = (keys("gateway"), keys("orders"));
    let digests = [&first, &second].map(|ring| Some(Bundle::digest(ring).unwrap()));
    let trusted = ReplaceableKeys::new(first.clone());
    let (log, kest) = service(trusted.clone(), None);
    operate(&kest, true).await;
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::InForce(digests[0], None), Told::Signed, Told::Signed]);
    trusted.replace(second);
    operate(&kest, false).await;
    // The same keys in another ring.
    trusted.replace(trusted.current().as_ref().clone());
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::InForce(digests[1], None), Told::Refused, Told::Signed]);
    trusted.replace(first);
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::InForce(digests[0], None), Told::Signed]);
}

/// Attack: a policy file is changed while the service runs.
#[tokio::test]
async fn change_of_policies_is_recorded_before_what_they_allow() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kest.toml");
    let write = |policy: &str| {
        let text = format!("enterprise_policies = [\"{policy}\"]");
        std::fs::write(&file, &text).unwrap();
        let one = EntryHash::of_bytes(text.as_bytes()).to_hex() + "\n";
        Some(EntryHash::of_bytes(one.as_bytes()))
    };
    let first = write("one");
    let builder = Policies::builder().configuration_file(&file).closure("one", |_input| true).unwrap();
    let policies = builder.closure("two", |_input| true).unwrap().build().unwrap();
    let (_, ring) = keys("gateway");
    let trusted = Some(Bundle::digest(&ring).unwrap());
    let (log, kest) = service(ring, Some(&policies));
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::InForce(trusted, first), Told::Signed]);
    let second = write("two");
    policies.reload().unwrap();
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::InForce(trusted, second), Told::Signed]);
    write("unknown");
    policies.reload().unwrap_err();
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::Signed], "what cannot be loaded is not in force");
}

/// Attack: so much waits for the log when keys change that there is no room to say so.
#[tokio::test]
async fn log_that_had_no_room_for_a_change_is_told_with_the_next_record() {
    let (_, ring) = keys("gateway");
    let trusted = ReplaceableKeys::new(ring);
    let (log, kest) = service(trusted.clone(), None);
    log.told();
    let (_, second) = keys("orders");
    let digest = Some(Bundle::digest(&second).unwrap());
    log.overloaded.store(true, Ordering::Relaxed);
    trusted.replace(second);
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::Signed]);
    log.overloaded.store(false, Ordering::Relaxed);
    operate(&kest, true).await;
    assert_eq!(log.told(), [Told::InForce(digest, None), Told::Signed]);
}
