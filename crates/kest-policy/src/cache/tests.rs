//! Whom a remembered decision serves, and for how long.

use std::sync::atomic::AtomicUsize;

use kest_core::BoxError;
use kest_testkit::TestClock;
use tokio::sync::Notify;

use super::*;
use crate::input::tests::{document, input};

struct Rig {
    decisions: Decisions,
    clock: Arc<TestClock>,
    evaluations: AtomicUsize,
}

impl Rig {
    fn new(ttl: u64) -> Self {
        let clock = Arc::new(TestClock::at(1000));
        let handed = Arc::clone(&clock);
        let decisions = Decisions::new(Duration::from_secs(ttl), &Limits::default(), handed);
        Self { decisions, clock, evaluations: AtomicUsize::new(0) }
    }

    async fn ask(
        &self,
        policy: PolicyKey,
        verdict: Result<Verdict, EngineError>,
    ) -> Result<Verdict, Arc<EngineError>> {
        let evaluation = async {
            self.evaluations.fetch_add(1, Ordering::SeqCst);
            verdict
        };
        self.decisions.get(policy, &input(&document()), evaluation).await
    }

    fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::SeqCst)
    }
}

fn policy(kind: &str, generation: u64, name: &str) -> PolicyKey {
    PolicyKey::new(EngineIdentity::of(kind, []), generation, name)
}

fn away() -> EngineError {
    EngineError::Unavailable(BoxError::from("away"))
}

#[tokio::test]
async fn decision_is_remembered_for_its_time_and_no_longer() {
    let rig = Rig::new(5);
    let policy = policy("cedar", 1, "p");
    assert_eq!(rig.ask(policy, Ok(Verdict::Allow)).await.unwrap(), Verdict::Allow);
    rig.clock.set(1004);
    assert_eq!(rig.ask(policy, Ok(Verdict::Deny)).await.unwrap(), Verdict::Allow);
    assert_eq!(rig.evaluations(), 1);
    rig.clock.set(1005);
    assert_eq!(rig.ask(policy, Ok(Verdict::Deny)).await.unwrap(), Verdict::Deny);
    assert_eq!(rig.evaluations(), 2);
}

#[tokio::test]
async fn clock_that_is_set_back_makes_no_decision_immortal() {
    let rig = Rig::new(5);
    let policy = policy("cedar", 1, "p");
    rig.ask(policy, Ok(Verdict::Allow)).await.unwrap();
    rig.clock.set(10);
    assert_eq!(rig.ask(policy, Ok(Verdict::Deny)).await.unwrap(), Verdict::Deny);
}

#[tokio::test]
async fn errors_are_not_remembered() {
    let rig = Rig::new(5);
    let policy = policy("cedar", 1, "p");
    assert!(rig.ask(policy, Err(away())).await.is_err());
    assert_eq!(rig.ask(policy, Ok(Verdict::Allow)).await.unwrap(), Verdict::Allow);
    assert_eq!(rig.evaluations(), 2);
}

#[tokio::test]
async fn zero_turns_the_cache_off() {
    let rig = Rig::new(0);
    let policy = policy("cedar", 1, "p");
    rig.ask(policy, Ok(Verdict::Allow)).await.unwrap();
    assert_eq!(rig.ask(policy, Ok(Verdict::Deny)).await.unwrap(), Verdict::Deny);
}

#[tokio::test]
async fn engine_generation_and_policy_keep_decisions_apart() {
    let rig = Rig::new(5);
    rig.ask(policy("cedar", 1, "p"), Ok(Verdict::Allow)).await.unwrap();
    for other in [policy("rego", 1, "p"), policy("cedar", 2, "p"), policy("cedar", 1, "q")] {
        assert_eq!(rig.ask(other, Ok(Verdict::Deny)).await.unwrap(), Verdict::Deny);
    }
    assert_eq!(rig.evaluations(), 4);
}

#[tokio::test]
async fn all_who_ask_at_the_same_time_share_one_evaluation() {
    let rig = Rig::new(5);
    let (policy, open) = (policy("cedar", 1, "p"), Notify::new());
    let input = input(&document());
    let evaluation = || async {
        rig.evaluations.fetch_add(1, Ordering::SeqCst);
        open.notified().await;
        Ok(Verdict::Allow)
    };
    let ask = || rig.decisions.get(policy, &input, evaluation());
    let (first, second, third, ()) = tokio::join!(ask(), ask(), ask(), async {
        tokio::task::yield_now().await;
        open.notify_one();
    });
    assert_eq!([first.unwrap(), second.unwrap(), third.unwrap()], [Verdict::Allow; 3]);
    assert_eq!(rig.evaluations(), 1);
}

#[tokio::test]
async fn whoever_hangs_up_takes_nobody_along() {
    let rig = Rig::new(5);
    let (policy, input) = (policy("cedar", 1, "p"), input(&document()));
    let mut first = Box::pin(rig.decisions.get(policy, &input, std::future::pending()));
    assert!(futures_poll(first.as_mut()).is_pending());
    let second = rig.ask(policy, Ok(Verdict::Deny));
    let mut second = Box::pin(second);
    assert!(futures_poll(second.as_mut()).is_pending());
    drop(first);
    assert_eq!(second.await.unwrap(), Verdict::Deny);
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn decision_that_is_being_made_while_all_are_forgotten_is_forgotten_too() {
    let rig = Rig::new(5);
    let (policy, input) = (policy("cedar", 1, "p"), input(&document()));
    let overtaken = rig.decisions.get(policy, &input, async {
        rig.decisions.invalidate();
        Ok(Verdict::Allow)
    });
    assert_eq!(overtaken.await.unwrap(), Verdict::Allow);
    assert_eq!(rig.ask(policy, Ok(Verdict::Deny)).await.unwrap(), Verdict::Deny);
}

#[tokio::test]
async fn memory_stays_bounded() {
    let mut limits = Limits::default();
    limits.policy_decisions = 10;
    let decisions = Decisions::new(Duration::from_secs(5), &limits, Arc::new(TestClock::at(1000)));
    for index in 0..1000 {
        let policy = policy("cedar", index, "p");
        decisions.get(policy, &input(&document()), async { Ok(Verdict::Allow) }).await.unwrap();
    }
    let remembered = decisions.remembered.unwrap();
    remembered.run_pending_tasks().await;
    assert!(remembered.entry_count() <= 10, "{}", remembered.entry_count());
}

#[test]
fn variable_is_a_number_of_seconds() {
    let ttl =
        |text: &'static str| ttl_from(move |name| (name == CACHE_TTL_VARIABLE).then(|| text.to_owned()));
    assert_eq!(ttl_from(|_| None), Ok(Duration::from_secs(5)));
    assert_eq!(ttl("0"), Ok(Duration::ZERO));
    assert_eq!(ttl(" 2.5 "), Ok(Duration::from_millis(2500)));
    assert_eq!(ttl("3600"), Ok(Duration::from_secs(3600)));
    for wrong in ["", "-1", "3601", "inf", "NaN", "5s", "1e300"] {
        assert_eq!(ttl(wrong), Err(CacheTtlError), "{wrong}");
    }
}
