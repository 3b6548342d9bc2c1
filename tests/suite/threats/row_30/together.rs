//! All that callers share, flooded at once by callers who each go for one part of it, over loopback and with real
//! signatures: every request of the others is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kest_core::{Share, Slot};
use kest_tests::raw::RawRequest;
use kest_tests::tokens::ISSUER;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::crowd::{Answer, Caller, Gateway, IDS, QUEUE, TOKENS, answer, tally};

/// What one caller does without an end, so many requests at once.
#[derive(Clone, Copy)]
struct Flood {
    name: &'static str,
    at_once: usize,
    request: fn(&Gateway, Caller, usize) -> RawRequest,
    /// The answer within its share, and the one over it; `None` where nothing is refused.
    answers: ((u16, &'static str), Option<(u16, &'static str)>),
}

const FLOODS: [Flood; 5] = [
    Flood {
        name: "claims",
        at_once: 4,
        request: Gateway::with_a_lineage,
        answers: ((200, ""), Some((429, "claim_share"))),
    },
    Flood {
        name: "proofs",
        at_once: 4,
        request: Gateway::with_a_proof,
        answers: ((200, ""), Some((429, "share_used_up"))),
    },
    Flood {
        name: "slots",
        at_once: 96,
        request: Gateway::with_a_long_passport,
        answers: ((200, ""), Some((429, "share_used_up"))),
    },
    Flood {
        name: "keys",
        at_once: 80,
        request: Gateway::with_an_unknown_key,
        answers: ((401, "credentials_invalid"), Some((429, "share_used_up"))),
    },
    Flood { name: "tokens", at_once: 2, request: Gateway::with_a_heavy_token, answers: ((200, ""), None) },
];

/// Callers who do nothing out of the ordinary, and how often each of them does each kind of it.
const GOOD: usize = 12;
const ROUNDS: usize = 2;

/// Attack: one caller each fills the claims, the used proofs, the slots, the places to wait for a key and the remembered
/// tokens, and one more keeps bodies back, all at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_belongs_to_one_caller_refuses_another() {
    let all = tokio::time::timeout(Duration::from_secs(120), all_at_once());
    all.await.expect(
        "every flood comes to the end of its share, and every good caller to the end of its requests",
    );
}

async fn all_at_once() {
    let gateway = Arc::new(Gateway::start().await);
    let stalled = gateway.stalled(Caller::new("stalling", 90), 64).await;
    // Work of the flooder that takes its time.
    let working: Vec<Slot> =
        std::iter::from_fn(|| gateway.slots.try_enter(Share::of_user(ISSUER, "slots")).ok()).collect();
    let (stop, stopped) = watch::channel(false);
    let (mut floods, mut used_up) = (JoinSet::new(), Vec::new());
    for (flood, last) in FLOODS.into_iter().zip(100..) {
        let (tell, told) = watch::channel(false);
        floods.spawn(run(flood, Caller::new(flood.name, last), Arc::clone(&gateway), tell, stopped.clone()));
        used_up.push(told);
    }
    // From here on each of them has used up its share, and goes on.
    for mut told in used_up {
        told.wait_for(|is_used_up| *is_used_up).await.unwrap();
    }
    gateway.publish_second_key();
    let mut good = JoinSet::new();
    for number in 0..GOOD {
        good.spawn(behave(Arc::clone(&gateway), Caller::good(number)));
    }
    let good: Vec<(&str, Answer)> = good.join_all().await.concat();
    stop.send_replace(true);
    drop(working);
    let floods: BTreeMap<&str, BTreeMap<Answer, usize>> = floods.join_all().await.into_iter().collect();

    let refused = tally(good.iter().filter(|(_kind, answer)| answer.0 != 200).cloned());
    assert_eq!((refused, good.len()), (BTreeMap::new(), GOOD * ROUNDS * 4), "floods: {floods:#?}");
    let counts = |flood: &Flood, (status, kind)| floods[flood.name].get(&answer(status, kind)).copied();
    for flood in &FLOODS {
        let told = [Some(flood.answers.0), flood.answers.1].into_iter().flatten();
        let told: BTreeSet<Answer> = told.map(|(status, kind)| answer(status, kind)).collect();
        assert_eq!(floods[flood.name].keys().cloned().collect::<BTreeSet<_>>(), told, "{}", flood.name);
    }
    let mut byte = [0];
    let answered = stalled.iter().filter(|stream| stream.try_read(&mut byte).is_ok()).count();
    assert_eq!(answered, 0, "a body that does not come holds its connection and nothing else");

    // What is kept is what was accepted, and what a flooder keeps is a quarter.
    let claims = counts(&FLOODS[0], (200, "")).unwrap();
    assert!((10..=16).contains(&claims), "{claims} of the 61 that there is room for");
    assert_eq!(gateway.claims.len(), claims + GOOD * ROUNDS);
    let proofs = counts(&FLOODS[1], (200, "")).unwrap();
    assert_eq!((proofs, gateway.replays.len()), (IDS / 4, IDS / 4 + GOOD * ROUNDS));
    assert!(gateway.authenticator.tokens_remembered() <= TOKENS);
    assert_eq!((gateway.slots.taken(), gateway.slots.waiting()), (0, 0));
    assert_eq!(counts(&FLOODS[2], (200, "")), Some(QUEUE / 2), "of one caller, half of the queue waits");
}

/// Sends what `flood` says until it is told to stop, and says when it was refused for the first time.
async fn run(
    flood: Flood,
    caller: Caller,
    gateway: Arc<Gateway>,
    used_up: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
) -> (&'static str, BTreeMap<Answer, usize>) {
    let mut answers = Vec::new();
    while !*stopped.borrow() {
        let mut round = JoinSet::new();
        for number in 0..flood.at_once {
            let request = (flood.request)(&gateway, caller, answers.len() + number);
            let gateway = Arc::clone(&gateway);
            round.spawn(async move { gateway.send(caller, request).await });
        }
        while let Some(told) = round.join_next().await {
            answers.push(told.unwrap());
            // Said while others of this round still wait. Where nothing is refused, more than all that is kept will do.
            let is_used_up = match flood.answers {
                (within, Some(_over)) => answers.iter().any(|told| *told != answer(within.0, within.1)),
                (_within, None) => answers.len() > usize::try_from(TOKENS).unwrap(),
            };
            used_up.send_replace(is_used_up);
        }
    }
    (flood.name, tally(answers))
}

/// One of each kind after the other, and again.
async fn behave(gateway: Arc<Gateway>, caller: Caller) -> Vec<(&'static str, Answer)> {
    let mut answers = Vec::new();
    for round in 0..ROUNDS {
        for (kind, request) in [
            ("key", gateway.with_the_second_key(caller, round)),
            ("claim", gateway.plain("/call", caller, round)),
            ("proof", gateway.with_a_proof(caller, round)),
            ("slot", gateway.with_a_long_passport(caller, round)),
        ] {
            answers.push((kind, gateway.send(caller, request).await));
        }
    }
    answers
}
