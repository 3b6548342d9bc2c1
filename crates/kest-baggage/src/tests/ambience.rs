//! Proofs that what is attached is seen where it should be and nowhere else, however guards are dropped.

use super::*;
use crate::rig::{admitted_for, arrived_for};
use crate::{current_admission, current_arrival, current_user, with_admission};

fn user() -> Option<String> {
    current_user()
}

#[tokio::test]
async fn guards_that_are_dropped_out_of_order_leave_what_is_still_held() {
    let (ann, bob): (Ambience, Ambience) =
        (admitted_for("ann").await.into(), arrived_for("bob").await.into());
    let first = ann.attach();
    let second = bob.attach();
    assert_eq!(user().as_deref(), Some("bob"));
    drop(first);
    assert_eq!(user().as_deref(), Some("bob"));
    let third = ann.attach();
    drop(second);
    assert_eq!(user().as_deref(), Some("ann"));
    drop(third);
    assert_eq!(user(), None);
}

#[tokio::test]
async fn scope_ends_with_everything_that_was_attached_inside_of_it() {
    let (ann, bob): (Ambience, Ambience) =
        (admitted_for("ann").await.into(), admitted_for("bob").await.into());
    let outer = ann.attach();
    let escaped = bob.scope(|| (ann.attach(), bob.attach()));
    assert_eq!(user().as_deref(), Some("ann"));
    drop(outer);
    assert_eq!(user(), None);
    drop(escaped);
    assert_eq!(user(), None);
}

#[tokio::test]
async fn guard_of_outside_that_is_dropped_inside_does_not_outlive_the_scope() {
    let (ann, bob): (Ambience, Ambience) =
        (admitted_for("ann").await.into(), admitted_for("bob").await.into());
    let outer = ann.attach();
    bob.scope(|| {
        drop(outer);
        assert_eq!(user().as_deref(), Some("bob"));
    });
    assert_eq!(user(), None);
}

#[tokio::test]
async fn guard_that_is_forgotten_ends_with_the_poll_around_it() {
    let (ann, bob) = (admitted_for("ann").await, Ambience::from(admitted_for("bob").await));
    with_admission(ann, async move {
        #[expect(clippy::mem_forget, reason = "the fault that is played")]
        std::mem::forget(bob.attach());
        assert_eq!(user().as_deref(), Some("bob"));
        tokio::task::yield_now().await;
        assert_eq!(user().as_deref(), Some("ann"));
    })
    .await;
    assert_eq!(user(), None);
}

#[tokio::test]
async fn panic_in_a_scope_leaves_nothing_behind() {
    let ann = Ambience::from(admitted_for("ann").await);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ann.scope(|| panic!("work"))));
    assert!(outcome.is_err() && user().is_none());
}

#[tokio::test]
async fn nothing_that_was_captured_outside_replaces_no_lineage() {
    let nothing = Ambience::capture();
    with_admission(admitted_for("ann").await, async move {
        assert_eq!(nothing.scope(user).as_deref(), Some("ann"));
        let _guard = nothing.attach();
        assert_eq!(user().as_deref(), Some("ann"));
    })
    .await;
}

#[tokio::test]
async fn captured_ambience_goes_on_in_a_task_and_in_a_thread() {
    let admission = admitted_for("ann").await;
    let hash = admission.entry().hash();
    let (in_task, in_thread, alone) = with_admission(admission, async {
        let task = tokio::spawn(Ambience::capture().wrap(async {
            tokio::task::yield_now().await;
            current_admission().map(|admission| admission.entry().hash())
        }));
        let ambience = Ambience::capture();
        let thread = std::thread::spawn(move || ambience.scope(user));
        let alone = tokio::spawn(async { current_arrival().is_some() });
        (task.await.unwrap(), thread.join().unwrap(), alone.await.unwrap())
    })
    .await;
    assert_eq!(in_task, Some(hash));
    assert_eq!(in_thread.as_deref(), Some("ann"));
    assert!(!alone, "a task that was not wrapped has no lineage");
}

#[tokio::test]
async fn arrival_that_was_captured_has_no_admission() {
    let arrived = Ambience::from(arrived_for("bob").await);
    arrived.scope(|| {
        assert!(current_admission().is_none() && current_arrival().is_some());
        assert!(Ambience::capture().scope(|| current_admission().is_none()));
    });
}

#[tokio::test]
async fn debug_output_holds_no_entry() {
    let text = format!("{:?}", Ambience::from(admitted_for("ann").await));
    assert_eq!(text, "Ambience(admitted)");
}
