//! What a log is told, and that nothing runs which it did not take.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::policy::{dangerous_allow_all, policy_fn};
use crate::signature::{Ed25519Signer, KeyId};
use crate::trust::Origin;
use crate::{AdmitError, AdmitErrorKind, Admitter, Operation};

#[derive(Debug, Default)]
struct Log {
    told: Mutex<Vec<String>>,
    hashes: Mutex<Vec<Option<EntryHash>>>,
    takes: Takes,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Takes {
    #[default]
    All,
    Nothing,
    Forever,
}

#[async_trait]
impl Audit for Log {
    async fn signed(&self, signed: &Signed<'_>) -> Result<(), AuditError> {
        match self.takes {
            Takes::All => {}
            Takes::Nothing => return Err(AuditError::new("full", "no space")),
            Takes::Forever => std::future::pending().await,
        }
        assert_eq!(signed.passport.entries().last().unwrap().hash(), signed.entry.hash());
        self.tell(format!("signed {}", signed.entry.operation().as_str()));
        Ok(())
    }

    fn refused(&self, refused: &Refused<'_>) {
        let operation = refused.operation.map(OperationName::as_str);
        self.tell(format!("refused {} {} {operation:?}", refused.step.as_str(), refused.kind));
    }

    fn finished(&self, finished: &Finished) {
        self.hashes.lock().unwrap().push(finished.content_hash);
        self.tell(format!("finished {} {:?}", finished.ending.as_str(), finished.status_class));
    }
}

impl Log {
    fn tell(&self, line: String) {
        self.told.lock().unwrap().push(line);
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

fn service(takes: Takes) -> (Arc<Log>, Admitter) {
    let log = Arc::new(Log { takes, ..Log::default() });
    let workload = WorkloadId::new("cart").unwrap();
    let signer = Ed25519Signer::from_seed(workload, KeyId::new("k").unwrap(), &[7; 32]).unwrap();
    let shared: Arc<dyn Audit> = Arc::<Log>::clone(&log);
    (log, Admitter::builder(Arc::new(signer)).audit(shared).build())
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn every_operation_is_recorded_before_it_runs_and_ends_once() {
    let (log, service) = service(Takes::All);
    let outer = Operation::named("outer").unwrap();
    let admission = now(service.originate(Origin::system(), &outer, &dangerous_allow_all())).unwrap();
    let inner = admission.operation(Operation::named("inner").unwrap());
    let inner = now(inner.admit(&dangerous_allow_all())).unwrap();
    let joined = admission.join([&inner]).unwrap();
    let both = Operation::named("both").unwrap();
    let joined = now(joined.admit(&both, &dangerous_allow_all())).unwrap();
    inner.answered(204);
    inner.finished(Ending::Complete);
    inner.finished(Ending::CutOff);
    drop((inner, joined, admission));
    assert_eq!(
        log.told(),
        [
            "signed outer",
            "signed inner",
            "signed both",
            "finished complete Some(2)",
            "finished released None",
            "finished released None",
        ]
    );
}

/// Attack: the log is full, so that what is done leaves no trace.
#[test]
fn operation_that_cannot_be_recorded_is_refused_and_nothing_is_handed_on() {
    let (log, service) = service(Takes::Nothing);
    let operation = Operation::named("pay").unwrap();
    let refused = now(service.originate(Origin::system(), &operation, &dangerous_allow_all())).unwrap_err();
    assert_eq!(refused.kind(), AdmitErrorKind::AuditUnavailable);
    assert_eq!(refused.cause(), Some("full"));
    assert!(matches!(refused, AdmitError::Audit(_)) && refused.may_retry());
    assert_eq!(log.told(), ["finished not_run None", "refused originate audit_unavailable Some(\"pay\")"]);
}

/// Attack: an answer is cut off, or its body panics, after its hash was noted: that would pass for the hash of what arrived.
#[test]
fn hash_of_what_was_given_is_recorded_with_a_complete_end_alone() {
    let (log, service) = service(Takes::All);
    let render = Operation::named("render").unwrap();
    for ending in [Ending::Complete, Ending::CutOff, Ending::Failed, Ending::Panicked] {
        let admission = now(service.originate(Origin::system(), &render, &dangerous_allow_all())).unwrap();
        let mut end = EndGuard::of(&admission);
        end.gave(EntryHash::of("page"));
        // What was given is given.
        end.gave(EntryHash::of("another"));
        end.end(ending);
    }
    let hashes = [Some(EntryHash::of("page")), None, None, None];
    assert_eq!(*log.hashes.lock().unwrap(), hashes);
}

/// Attack: a client that hangs up while its operation is being recorded.
#[test]
fn operation_whose_caller_hung_up_before_it_was_recorded_is_said_not_to_have_run() {
    let (log, service) = service(Takes::Forever);
    let operation = Operation::named("pay").unwrap();
    {
        let policy = dangerous_allow_all();
        let mut waiting = pin!(service.originate(Origin::system(), &operation, &policy));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(log.told(), ["finished not_run None"]);
}

#[test]
fn panic_under_an_admission_is_its_end() {
    let (log, service) = service(Takes::All);
    let operation = Operation::named("burst").unwrap();
    let admission = now(service.originate(Origin::system(), &operation, &dangerous_allow_all())).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _held = admission;
        panic!("as a handler may");
    }));
    assert!(panicked.is_err());
    assert_eq!(log.told(), ["signed burst", "finished panicked None"]);
}

#[test]
fn refusal_of_policy_is_recorded_and_nothing_is_signed() {
    let (log, service) = service(Takes::All);
    let operation = Operation::named("pay").unwrap();
    let never = policy_fn("never", |_| false).unwrap();
    assert!(now(service.originate(Origin::system(), &operation, &never)).is_err());
    assert_eq!(log.told(), ["refused originate denied Some(\"pay\")"]);
}
