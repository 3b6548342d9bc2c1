//! A service whose policies are closures, a clock that is set by hand, and a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kest_core::policy::{AuthorizeError, deployment_only};
use kest_core::signature::{Ed25519Signer, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admission, AdmitError, Admitter, Authorize, Operation, OsRandom};
use kest_policy::{Input, Policies, PoliciesBuilder, Source};
use kest_testkit::TestClock;

/// Every input that a policy was asked about, by the policy's name.
pub(crate) type Seen = Arc<Mutex<Vec<(String, Input)>>>;

/// What a test arranges.
pub(crate) struct Rig {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) seen: Seen,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self { clock: Arc::new(TestClock::default()), seen: Seen::default() }
    }

    /// A builder with this configuration and policies named `yes/...` and `no/...`, which answer accordingly.
    pub(crate) fn builder(&self, configuration: &str, names: &[&'static str]) -> PoliciesBuilder {
        let clock: Arc<TestClock> = Arc::clone(&self.clock);
        let start = Policies::builder()
            .clock(clock)
            .cache_ttl(Duration::ZERO)
            .configuration(Source::text("kest.toml", configuration));
        names.iter().fold(start, |builder, name| {
            let (name, seen) = (*name, Arc::clone(&self.seen));
            let allows = move |input: &Input| {
                seen.lock().unwrap().push((name.to_owned(), input.clone()));
                name.starts_with("yes/")
            };
            builder.closure(name, allows).unwrap()
        })
    }

    /// The names of the policies that were asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }
}

/// A service with the deployment's part of `policies`.
pub(crate) fn service(policies: &Policies) -> Admitter {
    kest(Some(policies.deployment()))
}

/// A service with this deployment policy.
pub(crate) fn kest(deployment: Option<Arc<dyn Authorize>>) -> Admitter {
    let signer = Ed25519Signer::ephemeral(WorkloadId::new("spiffe://x/cart").unwrap(), &OsRandom).unwrap();
    let builder = Admitter::builder(Arc::new(signer));
    match deployment {
        Some(deployment) => builder.deployment_policy(deployment).build(),
        None => builder.build(),
    }
}

/// Runs `operation` as the start of a lineage.
pub(crate) async fn run(
    kest: &Admitter,
    operation: &str,
    policy: &dyn Authorize,
) -> Result<Admission, AuthorizeError> {
    let operation = Operation::named(operation).unwrap();
    match kest.originate(Origin::system(), &operation, policy).await {
        Ok(admission) => Ok(admission),
        Err(AdmitError::Authorize(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// As [`run`], with nothing but the deployment's policies.
pub(crate) async fn run_plain(kest: &Admitter, operation: &str) -> Result<Admission, AuthorizeError> {
    run(kest, operation, &deployment_only()).await
}

/// A folder that is gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("kest-policy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes the file under another name and moves it into place, so that half of it is never read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let (aside, path) = (self.path(&format!("{name}.new")), self.path(name));
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        path
    }

    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
