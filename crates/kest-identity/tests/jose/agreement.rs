//! A hundred thousand tokens, and the two judges differ about none that is not explained.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::case::Case;
use crate::changes;
use crate::explained::{EXPLAINED, Refuser};
use crate::issuer::Issuer;
use crate::judges::{Ours, Verdict};
use crate::other::{OddSigner, Theirs};
use crate::random::Random;
use crate::shapes::good;

/// How many distinct tokens are compared.
const TOKENS: usize = 100_000;

/// Of the cases; keys and the signatures that need randomness differ from run to run. Another one makes other cases:
/// `JOSE_SEED=7 cargo nextest run -p kest-identity -E 'binary(jose)'`.
fn seed() -> u64 {
    std::env::var("JOSE_SEED").map_or(20_260_101, |seed| seed.parse().expect("JOSE_SEED is no number"))
}

/// As many as a pipe takes at once, so that the other judge is at work while ours is.
const BATCH: usize = 64;

const WORKERS: usize = 2;

/// Tokens signed by each key of a kind that nothing here can sign with.
const ODD_TOKENS: usize = 100;

/// What all workers judge tokens of.
struct Common {
    issuer: Issuer,
    key_set: String,
    ours: Ours,
    /// Distinct tokens have distinct digests, but for a few that are then not counted.
    seen: Mutex<HashSet<u64>>,
}

impl Common {
    fn is_new(&self, token: &str) -> bool {
        let mut digest = DefaultHasher::new();
        token.hash(&mut digest);
        self.seen.lock().unwrap().insert(digest.finish())
    }
}

/// What was said, how often.
#[derive(Debug, Default)]
struct Tally {
    accepted_by_both: usize,
    refused_by_both: usize,
    explained: BTreeMap<&'static str, usize>,
    /// With the first token of each sort.
    unexplained: BTreeMap<String, String>,
    changes: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.accepted_by_both += other.accepted_by_both;
        self.refused_by_both += other.refused_by_both;
        self.unexplained.extend(other.unexplained);
        for (ours, theirs) in [(&mut self.explained, other.explained), (&mut self.changes, other.changes)] {
            for (name, count) in theirs {
                *ours.entry(name).or_default() += count;
            }
        }
    }

    /// Counts what both say about one token, and keeps it when they differ without a reason.
    fn count(&mut self, case: &Case, ours: &Verdict, theirs: &Verdict) {
        for change in &case.changes {
            *self.changes.entry(change).or_default() += 1;
        }
        let (refuser, kind) = match (ours, theirs) {
            (Verdict::Accepted(ours), Verdict::Accepted(theirs)) => {
                self.accepted_by_both += 1;
                assert_eq!(ours, theirs, "seed {}: read differently: {case:?}", seed());
                return;
            }
            (Verdict::Refused(_), Verdict::Refused(_)) => {
                self.refused_by_both += 1;
                return;
            }
            (Verdict::Refused(kind), Verdict::Accepted(_)) => (Refuser::Kest, kind),
            (Verdict::Accepted(_), Verdict::Refused(kind)) => (Refuser::Jose, kind),
        };
        match EXPLAINED.iter().find(|it| it.explains(case, refuser, kind)) {
            Some(reason) => *self.explained.entry(reason.name).or_default() += 1,
            None => {
                let what = format!("{refuser:?} alone refuses: {kind} {:?}", case.changes);
                let token = || format!("{} {} {}", case.text(0), case.text(1), case.token);
                self.unexplained.entry(what).or_insert_with(token);
            }
        }
    }
}

/// Judges `cases`, and then made ones until the share of this worker is reached.
async fn compare(common: Arc<Common>, worker: usize, mut cases: Vec<Case>) -> Tally {
    let mut random = Random::seeded(seed() + u64::try_from(worker).unwrap());
    let mut theirs = Theirs::new(&common.key_set).await;
    let mut tally = Tally::default();
    let mut previous = "a.b.c".to_owned();
    let mut left = TOKENS / WORKERS;
    for serial in 0.. {
        if cases.len() >= BATCH.min(left) {
            let batch: Vec<_> = cases.drain(..BATCH.min(left)).collect();
            judge(&batch, &common.ours, &mut theirs, &mut tally).await;
            left -= batch.len();
            if left == 0 {
                break;
            }
        }
        let serial = format!("{worker}-{serial}");
        let making = good(&common.issuer, &previous, &serial, &mut random);
        let case = making.finish(&changes::some(&mut random), &mut random);
        if common.is_new(&case.token) {
            if case.changes.is_empty() {
                previous.clone_from(&case.token);
            }
            cases.push(case);
        }
    }
    tally
}

async fn judge(cases: &[Case], ours: &Ours, theirs: &mut Theirs, tally: &mut Tally) {
    let tokens: Vec<_> = cases.iter().map(|case| case.token.as_str()).collect();
    let judged_here = async {
        let mut verdicts = Vec::with_capacity(cases.len());
        for token in &tokens {
            verdicts.push(ours.judge(token).await);
        }
        verdicts
    };
    let (theirs, ours) = tokio::join!(theirs.judge(&tokens), judged_here);
    for ((case, ours), theirs) in cases.iter().zip(ours).zip(theirs) {
        tally.count(case, &ours, &theirs);
    }
}

/// Good tokens but for their keys: too short, of another curve, or with a salt of another length.
async fn odd_cases(signer: &mut OddSigner, issuer: &Issuer) -> Vec<Case> {
    let mut random = Random::seeded(seed().wrapping_sub(1));
    let mut messages = Vec::new();
    for (key, algorithm) in &signer.keys {
        let id = key["kid"].as_str().unwrap();
        for serial in 0..ODD_TOKENS {
            let mut making = good(issuer, "", &format!("{id}-{serial}"), &mut random);
            making.header.set("kid", format!("\"{id}\""));
            making.header.set("alg", format!("\"{algorithm}\""));
            messages.push((id.to_owned(), making.unsigned()));
        }
    }
    let signatures = signer.sign(&messages).await;
    let case = |((_, message), signature): (&(String, String), String)| Case {
        token: format!("{message}.{signature}"),
        changes: vec!["key of another kind signs"],
    };
    messages.iter().zip(signatures).map(case).collect()
}

async fn tally() -> Tally {
    let issuer = Issuer::new();
    let mut signer = OddSigner::new().await;
    let odd_keys: Vec<_> = signer.keys.iter().map(|(key, _)| key.to_string()).collect();
    let key_set = issuer.key_set(&odd_keys);
    let odd_cases = odd_cases(&mut signer, &issuer).await;
    let ours = Ours::new(&key_set).await;
    let common = Arc::new(Common { issuer, key_set, ours, seen: Mutex::default() });
    assert!(odd_cases.iter().all(|case| common.is_new(&case.token)), "the signer repeats itself");
    let mut odd_cases = Some(odd_cases);
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            tokio::spawn(compare(Arc::clone(&common), worker, odd_cases.take().unwrap_or_default()))
        })
        .collect();
    let mut tally = Tally::default();
    for worker in workers {
        tally.add(worker.await.unwrap());
    }
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_judged_differently_without_a_reason() {
    let tally = tally().await;
    assert!(tally.unexplained.is_empty(), "seed {}: without a reason: {:#?}", seed(), tally.unexplained);
    println!("seed {}: {tally:#?}", seed());
    let explained: usize = tally.explained.values().sum();
    assert_eq!(tally.accepted_by_both + tally.refused_by_both + explained, TOKENS);
    assert!(tally.accepted_by_both * 5 >= TOKENS, "too few are accepted by both: {tally:?}");
    assert!(tally.refused_by_both * 5 >= TOKENS * 2, "too few are refused by both: {tally:?}");
    for it in EXPLAINED {
        assert!(tally.explained.contains_key(it.name), "never occurred: {}", it.name);
    }
    for change in changes::all() {
        let count = tally.changes.get(change.name).copied().unwrap_or_default();
        assert!(count >= 50, "made {count} times: {}", change.name);
    }
}

#[test]
fn every_explained_difference_stands_on_its_page() {
    let page = "../../docs/decisions/0028-stricter-than-jose.md";
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let rows = |refuser| EXPLAINED.iter().filter(move |it| it.refuser == refuser);
    let row = |name: &str, reason: &str| format!("| {name} | {reason} |");
    let expected: Vec<_> = [Refuser::Kest, Refuser::Jose]
        .into_iter()
        .flat_map(|refuser| rows(refuser).map(|it| row(it.name, it.reason)))
        .collect();
    let there: Vec<_> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let there: Vec<_> =
        there.into_iter().filter(|line| !line.starts_with("| ---") && !line.starts_with("| what")).collect();
    assert_eq!(there, expected);
}
