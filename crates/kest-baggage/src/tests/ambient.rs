//! Proofs that requests never see each other.

use std::sync::atomic::{AtomicBool, Ordering};

use kest_core::policy::{dangerous_allow_all, policy_fn};

use super::*;
use crate::rig::{admitted_for, arrived_for, kest, lineage, operation};

/// Polls `future` to the end, yielding to the other tasks between polls.
async fn seen_users(times: usize) -> Vec<Option<String>> {
    let mut users = Vec::new();
    for _ in 0..times {
        users.push(current_user());
        tokio::task::yield_now().await;
    }
    users
}

#[tokio::test]
async fn outside_of_a_request_nobody_is_current() {
    assert!(current_admission().is_none() && current_arrival().is_none() && current_passport().is_none());
    assert_eq!((current_user(), current_agent(), current_task()), (None, None, None));
    assert_eq!(current_trace_id(), None);
}

#[tokio::test]
async fn admission_is_current_inside_and_gone_afterwards() {
    let admission = admitted_for("ann").await;
    let hash = admission.entry().hash();
    with_admission(admission, async move {
        tokio::task::yield_now().await;
        assert_eq!(current_admission().unwrap().entry().hash(), hash);
        assert_eq!(current_passport().unwrap().len(), 1);
        assert_eq!(current_user().as_deref(), Some("ann"));
        assert_eq!(current_agent().as_deref(), Some("browser"));
        assert_eq!(current_task().as_deref(), Some("buy"));
        assert!(current_arrival().unwrap().lineage().passport().is_none());
    })
    .await;
    assert!(current_admission().is_none());
}

#[tokio::test]
async fn arrival_alone_has_no_admission_and_hides_the_one_around_it() {
    let (admission, arrival) = (admitted_for("ann").await, arrived_for("bob").await);
    with_admission(admission, async move {
        with_arrival(arrival, async {
            assert!(current_admission().is_none() && current_passport().is_none());
            assert_eq!(current_user().as_deref(), Some("bob"));
        })
        .await;
        assert_eq!(current_user().as_deref(), Some("ann"));
    })
    .await;
}

#[tokio::test]
async fn requests_that_share_a_thread_never_see_each_other() {
    let names: Vec<String> = (0..20).map(|number| format!("user-{number}")).collect();
    let mut tasks = Vec::new();
    for name in &names {
        let arrival = arrived_for(name).await;
        tasks.push(tokio::spawn(with_arrival(arrival, seen_users(50))));
    }
    assert!(seen_users(50).await.iter().all(Option::is_none));
    for (task, name) in tasks.into_iter().zip(&names) {
        let seen = task.await.unwrap();
        assert!(seen.iter().all(|user| user.as_ref() == Some(name)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_move_between_threads_never_see_each_other() {
    let mut tasks = Vec::new();
    for number in 0..20 {
        let name = format!("user-{number}");
        let admission = admitted_for(&name).await;
        tasks.push((name, tokio::spawn(with_admission(admission, seen_users(100)))));
    }
    for (name, task) in tasks {
        let seen = task.await.unwrap();
        assert!(seen.iter().all(|user| user.as_ref() == Some(&name)));
    }
}

#[tokio::test]
async fn future_dropped_halfway_leaves_nothing_behind() {
    let admission = admitted_for("ann").await;
    {
        let mut pending = std::pin::pin!(with_admission(admission, std::future::pending::<()>()));
        let mut waking = Context::from_waker(std::task::Waker::noop());
        assert!(pending.as_mut().poll(&mut waking).is_pending());
        assert!(current_admission().is_none());
    }
    assert!(current_admission().is_none());
}

#[tokio::test]
async fn panic_inside_leaves_nothing_behind() {
    let admission = admitted_for("ann").await;
    let mut failing = std::pin::pin!(with_admission(admission, async { panic!("handler") }));
    let mut waking = Context::from_waker(std::task::Waker::noop());
    let poll = std::panic::AssertUnwindSafe(|| failing.as_mut().poll(&mut waking).is_ready());
    assert!(std::panic::catch_unwind(poll).is_err());
    assert!(current_admission().is_none());
}

#[tokio::test]
async fn trace_is_the_one_that_was_signed() {
    let admission = admitted_for("ann").await;
    let signed = admission.entry().labels().trace_id().and_then(TraceId::parse);
    assert!(signed.is_some());
    assert_eq!(with_admission(admission, async { current_trace_id() }).await, signed);
}

#[tokio::test]
async fn future_that_is_dropped_halfway_cleans_up_under_its_own_lineage() {
    struct CleanUp(std::sync::mpsc::Sender<Option<String>>);
    impl Drop for CleanUp {
        fn drop(&mut self) {
            self.0.send(current_user()).unwrap();
        }
    }
    let (seen, users) = std::sync::mpsc::channel();
    let clean_up = CleanUp(seen);
    let mut pending = Box::pin(with_admission(admitted_for("ann").await, async move {
        let _clean_up = clean_up;
        std::future::pending::<()>().await;
    }));
    assert!(pending.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
    drop(pending);
    assert_eq!(users.recv().unwrap().as_deref(), Some("ann"));
    assert!(current_admission().is_none());
}

#[tokio::test]
async fn nested_operation_runs_as_part_of_its_own_entry() {
    let admission = lineage(&kest(), 1).await;
    let nested = admission.operation(operation("resize"));
    let (given, current) = nested
        .run(&dangerous_allow_all(), |admission| async move { (admission, current_admission().unwrap()) })
        .await
        .unwrap();
    assert_eq!(given.entry().hash(), current.entry().hash());
    assert_eq!(given.passport().len(), 2);
}

#[tokio::test]
async fn refused_nested_operation_does_not_run() {
    let admission = lineage(&kest(), 1).await;
    let never = policy_fn("never", |_inquiry| false).unwrap();
    let ran = AtomicBool::new(false);
    let outcome = admission
        .operation(operation("resize"))
        .run(&never, |_admission| async {
            ran.store(true, Ordering::SeqCst);
        })
        .await;
    assert!(matches!(outcome, Err(AdmitError::Authorize(_))));
    assert!(!ran.into_inner());
}

#[tokio::test]
async fn joined_lineages_run_as_one() {
    let (one, other) = (lineage(&kest(), 2).await, lineage(&kest(), 1).await);
    let joined = one.join([&other]).unwrap();
    let admission = joined.admit(&operation("join"), &dangerous_allow_all()).await.unwrap();
    let parents =
        run_admitted(admission, |_admission| async { current_admission().unwrap().entry().parents().len() });
    assert_eq!(parents.await, 2);
}

#[test]
fn body_is_streamed_under_the_ambience_that_was_put_around_it() {
    struct Users(Option<String>);
    impl Body for Users {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            self.0 = current_user();
            Poll::Ready(Some(Ok(Frame::data(self.0.clone().unwrap_or_default().into()))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(3)
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ambience = Ambience::from(runtime.block_on(admitted_for("ann")));
    let mut body = std::pin::pin!(ambience.wrap(Users(None)));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
    let frame = body.as_mut().poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
    let Poll::Ready(Some(Ok(frame))) = frame else { panic!("no frame") };
    assert_eq!(frame.into_data().unwrap(), "ann");
    assert!(current_user().is_none());
}

#[test]
fn ambient_futures_can_move_between_threads() {
    fn check<T: Send>(_: &T) {}
    fn both(admission: Admission, arrival: Arrival) {
        check(&with_admission(admission, async {}));
        check(&with_arrival(arrival, async {}));
    }
    let _ = both;
}
