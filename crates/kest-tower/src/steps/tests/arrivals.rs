//! Proofs of steps 1 to 4: which passports may come, what a mechanism is shown, and how long any of it may take.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use http::Request;
use kest_baggage::{Tiers, pack};
use kest_core::caller::Attested;
use kest_core::passport::VerifySettings;
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admission, AdmitOptions, Admitter, Arrival, Operation, OsRandom, SystemClock};
use kest_testkit::TestClock;

use super::*;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// Keeps what it was shown, and names no caller; or never answers.
#[derive(Debug, Default)]
struct Watcher {
    silent: bool,
    shown: Mutex<Vec<String>>,
}

#[async_trait]
impl Authenticate for Watcher {
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        let credentials = evidence.credentials();
        let text = |lines: &[&[u8]]| {
            lines.iter().map(|line| String::from_utf8_lossy(line)).collect::<Vec<_>>().join("|")
        };
        let target = credentials.target().unwrap();
        let shown = [
            text(credentials.authorization()),
            text(credentials.dpop()),
            format!("{} {:?} {}", target.method(), target.host(), target.path()),
            format!("{}", credentials.certificate().is_some()),
        ];
        self.shown.lock().unwrap().extend(shown);
        Ok(Attested::anonymous())
    }
}

/// A workload, and the steps of a service that trusts it.
fn rig(change: impl FnOnce(&mut Steps)) -> (Admitter, Steps, Arc<Watcher>) {
    let signer = Arc::new(Ed25519Signer::generate(WorkloadId::new("cart").unwrap(), &OsRandom).unwrap());
    let mut ring = KeyRing::new();
    ring.trust_signer(signer.as_ref()).unwrap();
    let watcher = Arc::new(Watcher::default());
    let mut steps = Steps {
        reader: HeaderReader::default(),
        store: None,
        keys: Arc::new(Arc::new(ring)),
        verifier: Verifier::default(),
        identity: Arc::<Watcher>::clone(&watcher),
        needs: Needs::of(watcher.as_ref()),
        passport: PassportPresence::Optional,
        freshness: Freshness::AnyAge,
        clock: Arc::new(SystemClock),
        slots: Slots::new(2, 0),
        peer_address: Some(PeerAddress::new(|_extensions| Some(ADDRESS))),
        demand: Demand::NothingSaid,
    };
    change(&mut steps);
    (Admitter::builder(signer).build(), steps, watcher)
}

/// A lineage of `hops` operations.
async fn lineage(kest: &Admitter, hops: usize) -> Admission {
    let (operation, policy) = (Operation::named("read").unwrap(), dangerous_allow_all());
    let mut last = kest.originate(Origin::system(), &operation, &policy).await.unwrap();
    for _hop in 1..hops {
        let carried = Lineage::Carried(last.passport().clone());
        let arrival = Arrival::new(carried, last.caller().clone());
        last = kest.admit(&arrival, &operation, &policy, AdmitOptions::default()).await.unwrap();
    }
    last
}

async fn carrying(kest: &Admitter, hops: usize) -> Parts {
    let last = lineage(kest, hops).await;
    let (random, limits) = (OsRandom, Limits::default());
    let packed = pack(last.passport(), last.caller().identity(), &Tiers::auto(), &random, &limits).await;
    let mut parts = plain();
    packed.unwrap().inject(&mut parts.headers, &limits).unwrap();
    parts
}

fn plain() -> Parts {
    Request::get("/docs/7").header("host", "docs.example").body(()).unwrap().into_parts().0
}

fn empty() -> Parts {
    let mut parts = plain();
    parts.headers.insert("baggage", HeaderValue::from_static("kest.passport=[],kest.chain_tip=0"));
    parts
}

/// How many entries arrived; `None` when no passport did.
async fn arrive(steps: &Steps, parts: &Parts) -> Result<Option<usize>, RejectionKind> {
    match steps.arrive(Offered::of(parts, steps)).await {
        Ok(Arrived { arrival, received, .. }) => {
            assert_eq!(received.tier.is_some(), arrival.lineage().passport().is_some());
            Ok(arrival.lineage().passport().map(Passport::len))
        }
        Err(rejection) => Err(rejection.kind()),
    }
}

/// Attacks: a stranger brings a lineage to an edge, or none, or an empty one, where one is required.
#[tokio::test]
async fn passport_comes_where_it_may_and_must() {
    use RejectionKind::{PassportMissing, PassportRefused};
    for (presence, absent, none_in_it, whole) in [
        (PassportPresence::Optional, Ok(None), Ok(Some(0)), Ok(Some(1))),
        (PassportPresence::Required, Err(PassportMissing), Err(PassportMissing), Ok(Some(1))),
        (PassportPresence::Refused, Ok(None), Err(PassportRefused), Err(PassportRefused)),
    ] {
        let (kest, steps, _) = rig(|steps| steps.passport = presence);
        assert_eq!(arrive(&steps, &plain()).await, absent, "{presence:?}");
        assert_eq!(arrive(&steps, &empty()).await, none_in_it, "{presence:?}");
        assert_eq!(arrive(&steps, &carrying(&kest, 1).await).await, whole, "{presence:?}");
    }
}

#[tokio::test]
async fn mechanism_is_shown_every_line_the_target_and_the_peer() {
    let (_, steps, watcher) = rig(|_| {});
    let mut parts = plain();
    for (name, value) in [("authorization", "a"), ("authorization", "b"), ("dpop", "c"), ("dpop", "d")] {
        parts.headers.append(name, HeaderValue::from_static(value));
    }
    parts.extensions.insert(PeerCertificate::from_der(b"certificate"));
    let Arrived { arrival, .. } = steps.arrive(Offered::of(&parts, &steps)).await.unwrap();
    let shown = watcher.shown.lock().unwrap().clone();
    assert_eq!(shown, ["a|b", "c|d", "GET Some(\"docs.example\") /docs/7", "true"]);
    let certificate = PeerCertificate::from_der(b"certificate");
    assert_eq!(arrival.share(), Share::of_certificate(&certificate));
    let Arrived { arrival, .. } = steps.arrive(Offered::of(&plain(), &steps)).await.unwrap();
    assert_eq!(arrival.share(), Share::of_address(ADDRESS));
}

/// Attack: long passports that keep every slot; short ones need none.
#[tokio::test]
async fn short_passport_is_verified_while_long_ones_take_every_slot() {
    let mut settings = VerifySettings::default();
    settings.limits.inline_verify_entries = 2;
    let (kest, steps, _) = rig(|steps| steps.verifier = Verifier::with(settings));
    let taken = [1, 2].map(|port| {
        let other = Share::of_address(IpAddr::V4(Ipv4Addr::new(198, 51, 100, port)));
        steps.slots.try_enter(other).unwrap()
    });
    assert_eq!(arrive(&steps, &carrying(&kest, 2).await).await, Ok(Some(2)));
    assert_eq!(arrive(&steps, &carrying(&kest, 3).await).await, Err(RejectionKind::Overloaded));
    drop(taken);
    assert_eq!(arrive(&steps, &carrying(&kest, 3).await).await, Ok(Some(3)));
}

#[tokio::test(start_paused = true)]
async fn mechanism_that_never_answers_is_waited_for_as_long_as_the_limits_of_the_verifier_say() {
    let mut settings = VerifySettings::default();
    settings.limits.arrival_wait = Duration::from_millis(1234);
    let (_, steps, _) = rig(|steps| {
        steps.verifier = Verifier::with(settings);
        steps.identity = Arc::new(Watcher { silent: true, ..Watcher::default() });
    });
    let began = tokio::time::Instant::now();
    assert_eq!(arrive(&steps, &plain()).await, Err(RejectionKind::TookTooLong));
    assert_eq!(began.elapsed(), Duration::from_millis(1234));
}

#[tokio::test]
async fn passport_of_a_stranger_and_one_that_was_kept_are_refused_by_name() {
    let (kest, mut steps, _) = rig(|_| {});
    let (stranger, ..) = rig(|_| {});
    assert_eq!(arrive(&steps, &carrying(&stranger, 1).await).await, Err(RejectionKind::PassportInvalid));
    let kept = carrying(&kest, 1).await;
    steps.freshness = Freshness::Within(Duration::from_secs(60));
    assert_eq!(arrive(&steps, &kept).await, Ok(Some(1)));
    let tomorrow = TestClock::of(&SystemClock);
    tomorrow.advance(Duration::from_secs(86_400));
    steps.clock = Arc::new(tomorrow);
    assert_eq!(arrive(&steps, &kept).await, Err(RejectionKind::PassportStale));
}
