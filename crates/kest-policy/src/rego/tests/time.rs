//! How long a policy may take, and who waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kest_core::{NoSlot, Share, Slots};

use super::*;

/// Steps through `attributes.n` squared pairs, and finds none.
const PAIRS: &str = "package slow\nallow if not found\nfound if {
  some x in numbers.range(1, input.object.attributes.n)
  some y in numbers.range(1, input.object.attributes.n)
  x + y < 0
}";
const QUICK: &str = "package quick\nallow if input.subject.user == \"alice\"";

fn slow_and_quick(time: Duration) -> Arc<Rego> {
    let mut limits = Limits::default();
    limits.policy_evaluation = time;
    Arc::new(compile(&[PAIRS, QUICK], &limits).unwrap())
}

fn slow_in(slots: &Slots, time: Duration) -> Arc<Rego> {
    Arc::new(Arc::into_inner(slow_and_quick(time)).unwrap().slots(slots.clone()))
}

fn is_slow(rego: &Rego) -> bool {
    rego.policies[&name("slow")].slow.load(Ordering::Relaxed)
}

/// Attack: a caller chooses an input over which a policy computes for ever.
#[tokio::test]
async fn policy_over_its_time_is_no_yes_and_others_answer_meanwhile() {
    let rego = slow_and_quick(Duration::from_millis(100));
    let slow = tokio::spawn({
        let rego = Arc::clone(&rego);
        async move { rego.evaluate(&name("slow"), &input(json!({"n": 100_000}))).await }
    });
    // One thread only: were the slow one on it, nothing would be answered before it ends.
    let mut answered = 0;
    while !slow.is_finished() {
        assert_eq!(rego.evaluate(&name("quick"), &input(json!({}))).await.unwrap(), Verdict::Allow);
        answered += 1;
        tokio::task::yield_now().await;
    }
    let Err(EngineError::Failed(cause)) = slow.await.unwrap() else { panic!("is no error") };
    assert_eq!(cause.to_string(), "policy computes for longer than 100ms");
    assert!(answered > 5, "{answered}");
}

#[tokio::test]
async fn slow_function_is_evaluated_to_its_end_elsewhere() {
    let rules = "allow if not found(1, input.object.attributes.n)\nfound(x, n) if {
      some y in numbers.range(1, n)\n some z in numbers.range(1, n)\n x + y + z < 0\n}";
    let mut limits = Limits::default();
    limits.policy_evaluation = Duration::from_secs(60);
    let rego = compile(&[&format!("package slow\n{rules}")], &limits).unwrap();
    assert_eq!(rego.evaluate(&name("slow"), &input(json!({"n": 100}))).await.unwrap(), Verdict::Allow);
    assert!(is_slow(&rego));
}

#[tokio::test]
async fn policy_that_was_slow_is_taken_back_when_it_is_quick_again() {
    let rego = slow_and_quick(Duration::from_secs(60));
    assert_eq!(rego.evaluate(&name("slow"), &input(json!({"n": 100}))).await.unwrap(), Verdict::Allow);
    assert!(is_slow(&rego));
    // A busy machine may make it look slow a few times more.
    for _ in 0..100 {
        assert_eq!(rego.evaluate(&name("slow"), &input(json!({"n": 1}))).await.unwrap(), Verdict::Allow);
        if !is_slow(&rego) {
            return;
        }
    }
    panic!("is slow for ever");
}

/// Attack: slow requests, more than there are slots, each of which would take a thread.
#[tokio::test(start_paused = true)]
async fn slow_evaluation_without_a_slot_is_unavailable_in_time() {
    let slots = Slots::new(2, 4);
    let rego = slow_in(&slots, Duration::from_millis(100));
    let _all = ["a", "b"].map(|caller| slots.try_enter(Share::of_key(caller)).unwrap());
    rego.policies[&name("slow")].slow.store(true, Ordering::Relaxed);
    let answer = rego.evaluate(&name("slow"), &input(json!({"n": 1}))).await;
    assert!(matches!(answer, Err(EngineError::Unavailable(_))), "{answer:?}");
    assert_eq!(rego.evaluate(&name("quick"), &input(json!({}))).await.unwrap(), Verdict::Allow);
    assert_eq!(slots.waiting(), 0, "who gave up waits no more");
}

/// Attack: one caller asks what computes for long, again and again.
#[tokio::test]
async fn slow_evaluation_of_a_caller_that_has_used_up_its_share_is_refused_at_once() {
    let slots = Slots::new(2, 0);
    let rego = slow_in(&slots, Duration::from_millis(100));
    let asked = input(json!({"n": 1}));
    let _own = slots.try_enter(asked.share()).unwrap();
    rego.policies[&name("slow")].slow.store(true, Ordering::Relaxed);
    let answer = rego.evaluate(&name("slow"), &asked).await;
    assert!(matches!(answer, Err(EngineError::NoSlot(NoSlot::ShareUsedUp))), "{answer:?}");
}

/// Attack: callers that hang up, each leaving an evaluation behind.
#[tokio::test]
async fn evaluation_that_nobody_waits_for_keeps_its_slot_until_it_ends() {
    let slots = Slots::new(2, 4);
    let rego = slow_in(&slots, Duration::from_secs(1));
    let asked = input(json!({"n": 100_000}));
    let caller = tokio::spawn({
        let (rego, asked) = (Arc::clone(&rego), asked.clone());
        async move { rego.evaluate(&name("slow"), &asked).await }
    });
    while slots.taken() == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    for _ in 0..20 {
        rego.evaluate(&name("quick"), &input(json!({}))).await.unwrap();
    }
    assert_eq!(slots.taken(), 1);
    // The slot is the caller's last one, so that this waits until the evaluation has ended.
    let ended = tokio::time::timeout(Duration::from_secs(60), slots.enter(asked.share()));
    assert!(ended.await.unwrap().is_ok());
}

/// Attack: a caller chooses how long a list is to be, and the process runs out of memory.
#[tokio::test]
async fn list_that_a_caller_makes_too_long_is_an_error() {
    let n = "input.object.attributes.n";
    for (call, n_is) in [
        (format!("count(numbers.range(1, {n}))"), json!(1_000_000_000_000_000_u64)),
        (format!("count(numbers.range({n}, 1))"), json!(-9_000_000_000_000_000_i64)),
        (format!("count(numbers.range(1, {n}))"), json!(1e300)),
        (format!("count(numbers.range(1, {n}))"), json!(262_145)),
        (format!("count(numbers.range_step(1, {n}, 2))"), json!(1_000_000_000_000_000_u64)),
        (format!("count(numbers.range_step(1, 5, {n}))"), json!(0)),
        (format!("bits.lsh(1, {n})"), json!(4_000_000_000_u64)),
        (format!("count(net.cidr_expand({n}))"), json!("10.0.0.0/8")),
        (format!("count(net.cidr_expand({n}))"), json!("fd00::/16")),
    ] {
        let answer = said(&format!("allow if not {call} == 0"), json!({"n": n_is})).await;
        assert!(matches!(answer, Err(EngineError::Failed(_))), "{call} {n_is}: {answer:?}");
    }
}

#[tokio::test]
async fn list_of_reasonable_length_is_made_as_ever() {
    for rule in [
        "numbers.range(1, 4) == [1, 2, 3, 4]",
        "numbers.range(2, -1) == [2, 1, 0, -1]",
        "count(numbers.range(1, 262144)) == 262144",
        "numbers.range_step(0, 1000000, 500000) == [0, 500000, 1000000]",
        "bits.lsh(1, 4) == 16",
        "count(net.cidr_expand(\"10.0.0.0/30\")) == 4",
        "count(net.cidr_expand(\"fd00::/126\")) == 4",
        "{ numbers.range(1, 2, x); x == [1, 2] }",
    ] {
        assert_eq!(said(&format!("allow if {rule}"), json!({})).await.unwrap(), Verdict::Allow, "{rule}");
    }
}
