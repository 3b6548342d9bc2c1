//! Has a key seal a checkpoint, wherever the key is and whatever becomes of the runtimes of the service.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kest_core::audit::AuditError;
use kest_core::signature::{Signature, SignerError, SigningKey};
use tokio::runtime::{Builder, Handle, Runtime};

/// Signs on the thread of the log, which it lets wait for a while. A key that panics is one that is away: it ends no log.
#[derive(Debug)]
pub(crate) struct Signing {
    /// Of the service, for a key that answers at once.
    service: Handle,
    /// Its own, as soon as a key is waited for. It has a thread, so that connections live on between two checkpoints.
    own: Option<Runtime>,
}

impl Signing {
    pub(crate) fn new(service: Handle) -> Self {
        Self { service, own: None }
    }

    pub(crate) fn sign(&mut self, key: &dyn SigningKey, text: &str) -> Result<Signature, AuditError> {
        if let Some(signed) = self.at_once(key, text) {
            return signed.map_err(|error| AuditError::new("signer", error));
        }
        let runtime = match self.own.take() {
            Some(runtime) => runtime,
            None => {
                let builder = &mut Builder::new_multi_thread();
                let builder = builder.worker_threads(1).thread_name("kest-audit-signer").enable_all();
                builder.build().map_err(|error| AuditError::new("signer", error))?
            }
        };
        let runtime = self.own.insert(runtime);
        let signing = async { tokio::time::timeout(SIGNER_WAIT, key.sign(text.as_bytes())).await };
        match catch_unwind(AssertUnwindSafe(|| runtime.block_on(signing))) {
            Ok(Ok(signed)) => signed.map_err(|error| AuditError::new("signer", error)),
            Ok(Err(elapsed)) => Err(AuditError::new("signer", elapsed)),
            Err(_panic) => Err(AuditError::new("signer", "key panicked")),
        }
    }

    /// What a key in this process says. One that has to be waited for is asked anew, on a runtime that is there for it.
    fn at_once(&self, key: &dyn SigningKey, text: &str) -> Option<Result<Signature, SignerError>> {
        if self.own.is_some() {
            return None;
        }
        let _entered = self.service.enter();
        let poll = || key.sign(text.as_bytes()).as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Poll::Ready(signed)) => Some(signed),
            Ok(Poll::Pending) | Err(_) => None,
        }
    }
}

impl Drop for Signing {
    fn drop(&mut self) {
        // A key that does not answer holds up no end.
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

/// Time that a key elsewhere may take for a checkpoint; operations wait meanwhile.
const SIGNER_WAIT: Duration = Duration::from_secs(1);
