//! What is allowed, what is denied, and what is neither.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use kest_core::{NoSlot, Slots};

use super::*;

const OVERFLOW: &str = "context.trust_score * 9223372036854775807 > 0";

#[test]
fn permit_of_one_name_is_no_answer_for_another() {
    let text = r#"
        @id("open") permit(principal, action, resource);
        @id("closed") permit(principal, action, resource) when { context.trust_score > 90 };
        @id("barred") permit(principal, action, resource);
        @id("barred") forbid(principal, action, resource) when { context.trust_score < 90 };
    "#;
    let cedar = compile(&[("some.cedar", text)], None).unwrap();
    let input = input(&document());
    assert_eq!(evaluate(&cedar, "open", &input).unwrap(), Verdict::Allow);
    assert_eq!(evaluate(&cedar, "closed", &input).unwrap(), Verdict::Deny);
    assert_eq!(evaluate(&cedar, "barred", &input).unwrap(), Verdict::Deny);
}

#[test]
fn without_a_permit_nothing_is_allowed() {
    let text = "forbid(principal, action, resource) when { context.trust_score < 1 };";
    assert_eq!(decide(text, None, &input(&document())).unwrap(), Verdict::Deny);
}

#[test]
fn forbid_that_errs_is_not_skipped() {
    let text = format!(
        "permit(principal, action, resource);\nforbid(principal, action, resource) when {{ {OVERFLOW} }};"
    );
    assert_eq!(failure(decide(&text, None, &input(&document()))), "a number outgrows 64 bits in policy p#2");
}

#[test]
fn permit_that_errs_hides_neither_behind_a_permit_nor_behind_a_forbid() {
    for other in ["permit", "forbid"] {
        let text = format!("{}\n{other}(principal, action, resource);", permit_when(OVERFLOW));
        assert_eq!(
            failure(decide(&text, None, &input(&document()))),
            "a number outgrows 64 bits in policy p#1"
        );
    }
}

#[test]
fn unknown_name_is_an_error() {
    let cedar = compile(&[("p.cedar", "permit(principal, action, resource);")], None).unwrap();
    let outcome = evaluate(&cedar, "q", &input(&document()));
    assert!(matches!(outcome, Err(EngineError::UnknownPolicy(unknown)) if unknown == name("q")));
}

/// Whether the first look at the evaluation finds it finished, which it is when it took place on this thread.
fn finishes_here(cedar: &Cedar, input: &Input) -> bool {
    let policy = name("p");
    let evaluation = pin!(cedar.evaluate(&policy, input));
    match evaluation.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verdict) => verdict.unwrap() == Verdict::Allow,
        Poll::Pending => false,
    }
}

#[tokio::test]
async fn heavy_evaluation_does_not_hold_the_thread_that_asks() {
    let light = permit_when("context.trust_score > 30");
    let heavy = format!("{light}\n").repeat(1000);
    let mut long = document();
    long["chain"]["operations"] = (0..5000).map(|number| number.to_string()).collect();
    let long = input(&long);
    for (text, here) in [(&light, true), (&heavy, false)] {
        let cedar = compile(&[("p.cedar", text)], None).unwrap();
        assert_eq!(finishes_here(&cedar, &long), here);
        assert_eq!(cedar.evaluate(&name("p"), &long).await.unwrap(), Verdict::Allow);
    }
}

#[test]
fn heavy_evaluation_needs_no_runtime() {
    let mut long = document();
    long["chain"]["operations"] = (0..5000).map(|number| number.to_string()).collect();
    let cedar = compile(&[("p.cedar", &permit_when("context.trust_score > 30").repeat(1000))], None).unwrap();
    assert!(finishes_here(&cedar, &input(&long)));
}

/// Attack: one caller asks, again and again, what takes long over an input that it chose.
#[test]
fn long_evaluation_of_a_caller_that_has_used_up_its_share_is_refused_and_others_go_on() {
    let slots = Slots::new(2, 0);
    let long = permit_when("true").repeat(400);
    let cedar = compile(&[("p.cedar", &long)], None).unwrap().slots(slots.clone());
    let of = |user: &str| {
        let mut document = document();
        document["subject"]["user"] = user.into();
        document["subject"]["taints"] = (0..1000).map(|number| format!("taint-{number}")).collect();
        input(&document)
    };
    let _computing = slots.try_enter(of("mallory").share()).unwrap();
    for _ in 0..10 {
        let refused = evaluate(&cedar, "p", &of("mallory"));
        assert!(matches!(refused, Err(EngineError::NoSlot(NoSlot::ShareUsedUp))), "{refused:?}");
        assert_eq!(evaluate(&cedar, "p", &of("alice")).unwrap(), Verdict::Allow);
    }
    let _also = slots.try_enter(of("bob").share()).unwrap();
    let refused = evaluate(&cedar, "p", &of("alice"));
    assert!(matches!(refused, Err(EngineError::NoSlot(NoSlot::Full))), "{refused:?}");
}
