//! Attack: 64 writers send copied requests to two replicas at once, while their Redis is well, dies, and is away.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use kest::prelude::*;
use kest::tower::{HopProof, Rejection, RejectionKind};
use kest_redis::{Redis, ReplaySettings};
use kest_servers::redis::{Memory, RedisServer};
use kest_testkit::TestClock;
use kest_tests::clock::today;
use kest_tests::keys;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _};

const WRITERS: usize = 64;
const REQUESTS: usize = 40;

/// By then a proof that is made is not one that the memory may have lost.
const PAST_THE_FENCE: Duration = Duration::from_secs(30);

/// How often the handlers of all replicas ran for each request.
type Ran = Arc<Mutex<HashMap<String, usize>>>;

/// One replica, with a connection of its own to the Redis of all.
async fn replica(server: &RedisServer, ran: &Ran, clock: &Arc<TestClock>) -> (Router, Redis) {
    let redis = Redis::builder(server.url()).clock(Arc::<TestClock>::clone(clock)).connect().await.unwrap();
    let replays = Arc::new(redis.replays(ReplaySettings::for_signatures(&kest::Limits::default())));
    replays.begin().await.unwrap();
    let kest = Kest::builder(keys::signer("ledger"))
        .trust(keys::ring())
        .clock(Arc::<TestClock>::clone(clock))
        .without_deployment_policies()
        .build()
        .unwrap();
    let inbound = kest
        .inbound_builder()
        .identity(FromLineage)
        .hop_proof(HopProof::for_authority("stock.internal").replays(replays));
    let runs = Arc::clone(ran);
    let reserve = async move |Query(query): Query<HashMap<String, String>>| {
        *runs.lock().unwrap().entry(query["id"].clone()).or_default() += 1;
        "reserved"
    };
    let operation = kest.operation("reserve").policy_fn("all", |_asked| true).unwrap();
    let router = Router::new().route("/reserve", post(reserve).route_layer(operation)).layer(inbound.build());
    (router, redis)
}

/// A request as one who listens on the way has it.
#[derive(Debug, Clone)]
struct Copied {
    id: String,
    headers: HeaderMap,
}

impl Copied {
    /// Signed just now by a service that really makes it.
    async fn now(id: String, clock: &Arc<TestClock>) -> Self {
        let kest = Kest::builder(keys::signer("gateway"))
            .trust(keys::ring())
            .clock(Arc::<TestClock>::clone(clock))
            .without_deployment_policies()
            .build()
            .unwrap();
        let job = kest
            .originate(Origin::system(), &kest::Operation::from_static("order"), &kest::dangerous_allow_all())
            .await
            .unwrap();
        let seen = Arc::new(Mutex::new(HeaderMap::new()));
        let keeps = Arc::clone(&seen);
        let wire = tower::service_fn(move |request: Request<Full<Bytes>>| {
            *keeps.lock().unwrap() = request.headers().clone();
            std::future::ready(Ok::<_, Infallible>(Response::new(())))
        });
        let mut request =
            Request::post(Self::uri(&id)).body(Full::new(Bytes::from_static(b"one lamp"))).unwrap();
        request.extensions_mut().insert(job);
        let layer = kest.carry_layer().destination("https://stock.internal").unwrap().build().unwrap();
        layer.layer(wire).oneshot(request).await.unwrap();
        let headers = seen.lock().unwrap().clone();
        Self { id, headers }
    }

    fn uri(id: &str) -> Uri {
        format!("https://stock.internal/reserve?id={id}").parse().unwrap()
    }

    /// Sends it as it is.
    async fn replay(&self, replica: &Router) -> (StatusCode, Option<RejectionKind>) {
        let mut request =
            Request::post(Self::uri(&self.id)).body(axum::body::Body::from("one lamp")).unwrap();
        *request.headers_mut() = self.headers.clone();
        let response = replica.clone().oneshot(request).await.unwrap();
        (response.status(), response.extensions().get::<Rejection>().map(Rejection::kind))
    }
}

async fn copied(batch: &str, clock: &Arc<TestClock>) -> Arc<Vec<Copied>> {
    let mut requests = Vec::new();
    for number in 0..REQUESTS {
        requests.push(Copied::now(format!("{batch}-{number}"), clock).await);
    }
    Arc::new(requests)
}

/// Every writer sends every request, each beginning with another one and with the other replica; `told` hears of each answer.
fn storm(
    replicas: &[Router; 2],
    requests: &Arc<Vec<Copied>>,
    told: &mpsc::UnboundedSender<StatusCode>,
) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (replicas, requests, told) = (replicas.clone(), Arc::clone(requests), told.clone());
        writers.spawn(async move {
            for step in 0..REQUESTS {
                let request = &requests[(writer * 7 + step) % REQUESTS];
                let (status, kind) = request.replay(&replicas[(writer + step) % 2]).await;
                match (status, kind) {
                    (StatusCode::OK, None)
                    | (StatusCode::UNAUTHORIZED, Some(RejectionKind::ProofReplayed))
                    | (StatusCode::SERVICE_UNAVAILABLE, Some(_)) => {}
                    other => panic!("{other:?}"),
                }
                told.send(status).unwrap();
            }
        });
    }
    writers
}

fn runs_of(ran: &Ran, requests: &[Copied]) -> Vec<usize> {
    let ran = ran.lock().unwrap();
    requests.iter().map(|request| ran.get(&request.id).copied().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_copied_request_is_served_twice_by_replicas_whose_redis_restarts() {
    let mut server = RedisServer::start().await;
    let ran = Ran::default();
    let clock = Arc::new(today());
    let (first, first_redis) = replica(&server, &ran, &clock).await;
    let (second, second_redis) = replica(&server, &ran, &clock).await;
    clock.advance(PAST_THE_FENCE);
    let replicas = [first, second];

    // While all is well each of them is served once.
    let (told, mut answers) = mpsc::unbounded_channel();
    let requests = copied("well", &clock).await;
    storm(&replicas, &requests, &told).join_all().await;
    assert_eq!(runs_of(&ran, &requests), [1; REQUESTS]);
    let mut served = 0;
    while let Ok(status) = answers.try_recv() {
        served += usize::from(status == StatusCode::OK);
    }
    assert_eq!(served, REQUESTS);

    // A Redis that dies in the middle and forgets: what was served before is not served again after.
    let requests = copied("restarted", &clock).await;
    let mut writers = storm(&replicas, &requests, &told);
    for _ in 0..WRITERS * REQUESTS / 4 {
        answers.recv().await.unwrap();
    }
    server.restart(Memory::Lost).await;
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    first_redis.ready().await;
    second_redis.ready().await;
    storm(&replicas, &requests, &told).join_all().await;
    let runs = runs_of(&ran, &requests);
    assert!(runs.iter().all(|runs| *runs <= 1), "{runs:?}");
    assert!(runs.contains(&1), "the storm began before the restart");

    // It goes on with what is new.
    clock.advance(PAST_THE_FENCE);
    let fresh = Copied::now("after".to_owned(), &clock).await;
    assert_eq!(fresh.replay(&replicas[0]).await, (StatusCode::OK, None));
    assert_eq!(fresh.replay(&replicas[1]).await.1, Some(RejectionKind::ProofReplayed));

    // A store that is away: nothing is served, and that is said.
    let fresh = Copied::now("away".to_owned(), &clock).await;
    server.kill().await;
    for replica in &replicas {
        let answer = fresh.replay(replica).await;
        assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, Some(RejectionKind::ProofUnavailable)));
    }
    assert_eq!(runs_of(&ran, &[fresh]), [0]);
}
