//! Middleware that writes, repeats and turns away requests cannot lose, exchange or leak the lineage, and none is started
//! where there is one.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which end the test at the line that failed")]

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::IntoResponse as _;
use http::{Extensions, HeaderValue};
use http_body::Frame;
use kest_baggage::{
    Ambience, Audience, InMemoryPassports, PassportStores, Sealing, SealingKey, Tiers, current_user,
    run_admitted,
};
use kest_core::signature::KeyId;
use kest_core::{Limits, OsRandom};
use kest_lineage::{Front, Recorder, carrying, edge, originating, streaming};
use kest_reqwest::{CarryError, Carrying, Sent};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

/// Middleware that does to a request what some of it does.
#[derive(Debug, Clone)]
enum Meddler {
    Overwrites(&'static str),
    Twice,
    TurnsTo(Vec<Url>),
    ForgetsExtensions,
}

#[async_trait::async_trait]
impl Middleware for Meddler {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        match self {
            Self::Overwrites(line) => {
                request.headers_mut().insert("baggage", HeaderValue::from_static(line));
                next.run(request, extensions).await
            }
            Self::Twice => {
                next.clone().run(request.try_clone().unwrap(), extensions).await?;
                next.run(request, extensions).await
            }
            Self::TurnsTo(urls) => {
                for url in urls {
                    let mut turned = request.try_clone().unwrap();
                    *turned.url_mut() = url.clone();
                    next.clone().run(turned, extensions).await?;
                }
                next.run(request, extensions).await
            }
            Self::ForgetsExtensions => next.run(request, &mut Extensions::new()).await,
        }
    }
}

fn with(carrying: Carrying, meddler: Meddler) -> ClientWithMiddleware {
    carrying.client_with(reqwest::Client::builder(), |stack| stack.with(meddler)).unwrap()
}

fn retrying(stack: ClientBuilder) -> ClientBuilder {
    let at_once = Duration::from_millis(1);
    let policy = ExponentialBackoff::builder().retry_bounds(at_once, at_once).build_with_max_retries(2);
    stack.with(RetryTransientMiddleware::new_with_policy(policy))
}

async fn call(client: &ClientWithMiddleware, url: &str) -> Response {
    run_admitted(edge().await, async |_| client.get(url).send().await).await.unwrap()
}

#[tokio::test]
async fn baggage_that_middleware_overwrites_does_not_replace_the_lineage() {
    let (back, elsewhere) = (Recorder::start("/").await, Recorder::start("/").await);
    let lines = [
        "a=1",
        "kest.passport=%5B%5D,kest.chain_tip=0",
        "kest.claim_check=00000000-0000-4000-8000-000000000000,kest.chain_tip=0,a=1",
        r#"kest.passport=["x", "y"],a=1"#,
        "kest.user=admin;p,a=1",
    ];
    for line in lines {
        let client = with(carrying(&back.origin()), Meddler::Overwrites(line));
        let response = call(&client, &back.url("/")).await;
        assert_eq!(response.extensions().get::<Sent>().unwrap().tier.as_str(), "inline");
        let seen = back.seen().pop().unwrap();
        assert_eq!(seen.workloads().await, ["edge"], "{line}");
        assert_eq!(seen.baggage().contains("a=1"), line.contains("a=1"), "{line}");
        assert!(!seen.baggage().contains("admin"), "{line}");
        call(&client, &elsewhere.url("/")).await;
    }
    elsewhere.check_nothing_of_ours();
}

#[tokio::test]
async fn request_that_middleware_turns_to_an_unlisted_host_takes_nothing_along() {
    let (back, elsewhere) = (Recorder::start("/").await, Recorder::start("/").await);
    let urls = [elsewhere.url("/"), back.url("/"), elsewhere.url("/")].map(|url| Url::parse(&url).unwrap());
    let client = with(carrying(&back.origin()), Meddler::TurnsTo(urls.to_vec()));
    for url in [back.url("/"), elsewhere.url("/")] {
        call(&client, &url).await;
    }
    assert_eq!((back.seen().len(), elsewhere.seen().len()), (3, 5));
    for seen in back.seen() {
        assert_eq!(seen.workloads().await, ["edge"]);
    }
    elsewhere.check_nothing_of_ours();
}

#[tokio::test]
async fn attempts_of_one_request_start_one_lineage() {
    let back = Recorder::start("/").await;
    let twice = with(originating(&back.origin()), Meddler::Twice);
    let retries = originating(&back.origin()).client_with(reqwest::Client::builder(), retrying).unwrap();
    for (client, path) in [(twice, "/"), (retries, "/flaky")] {
        let before = back.seen().len();
        client.get(back.url(path)).send().await.unwrap();
        client.get(back.url("/next")).send().await.unwrap();
        let mut roots = Vec::new();
        for seen in back.seen().into_iter().skip(before).filter(|seen| seen.path == path) {
            let (workloads, root) = seen.lineage().await;
            assert_eq!(workloads, ["batch"]);
            roots.push(root);
        }
        assert_eq!(roots.len(), 2);
        assert_eq!(roots.first(), roots.last(), "{path}: a retry is no second root");
        let next = back.seen().pop().unwrap().lineage().await;
        assert_ne!(roots.last(), Some(&next.1), "another request is");
    }
}

#[tokio::test]
async fn middleware_that_forgets_extensions_still_sends_the_lineage_of_the_operation() {
    let back = Recorder::start("/").await;
    let client = with(originating(&back.origin()), Meddler::ForgetsExtensions);
    call(&client, &back.url("/")).await;
    assert_eq!(back.seen().pop().unwrap().workloads().await, ["edge"]);
}

#[tokio::test]
async fn client_that_is_exchanged_in_the_stack_carries_nothing_away() {
    let elsewhere = Recorder::start("/").await;
    let back = Recorder::start(&elsewhere.url("/stolen")).await;
    let follows = reqwest::Client::new();
    let client = carrying(&back.origin())
        .client_with(reqwest::Client::builder(), |_ours| ClientBuilder::new(follows))
        .unwrap();
    assert_eq!(call(&client, &back.url("/away")).await.status().as_u16(), 307);
    assert_eq!(back.seen().pop().unwrap().workloads().await, ["edge"]);
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn middleware_that_is_added_to_the_finished_client_does_not_stand_below() {
    let back = Recorder::start("/").await;
    let client = carrying(&back.origin()).client(reqwest::Client::builder()).unwrap();
    let client = ClientBuilder::from_client(client).with(Meddler::Overwrites("a=1")).build();
    call(&client, &back.url("/")).await;
    assert_eq!(back.seen().pop().unwrap().workloads().await, ["edge"]);
}

#[tokio::test]
async fn single_use_passport_is_packed_for_every_attempt_and_never_repeated_by_a_redirect() {
    let back = Recorder::start("/").await;
    let key = SealingKey::generate(KeyId::new("2026-01").unwrap(), &OsRandom).unwrap();
    let sealing = Sealing::new(key, Audience::new("shop").unwrap()).single_use();
    let claims = PassportStores::sealed(Arc::new(InMemoryPassports::new(&Limits::default())), sealing);
    let tiers = Tiers::auto().threshold(100).store(claims);
    let client = carrying(&back.origin()).tiers(tiers);
    let client = client.client_with(reqwest::Client::builder(), retrying).unwrap();
    run_admitted(edge().await, async |_| {
        client.get(back.url("/flaky")).send().await.unwrap();
        let redirected = client.get(back.url("/again")).send().await.unwrap();
        assert_eq!(redirected.status().as_u16(), 307);
    })
    .await;
    let seen = back.seen();
    let mut claims: Vec<String> = seen.iter().map(|seen| seen.baggage()).collect();
    assert!(claims.iter().all(|line| line.starts_with("kest.claim_check=")), "{claims:?}");
    claims.sort();
    claims.dedup();
    assert_eq!((seen.len(), claims.len()), (3, 3), "a claim of its own for every attempt");
}

#[tokio::test]
async fn lineage_is_not_started_while_a_request_without_an_operation_is_served() {
    let back = Recorder::start("/").await;
    let (client, url) =
        (originating(&back.origin()).client(reqwest::Client::builder()).unwrap(), back.url("/"));
    let front = Front::start(move || {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let here = client.get(&url).send().await.map(|_| ()).unwrap_err();
            // A task that sends what was built here is no way around it.
            let spawned = tokio::spawn(client.get(&url).send()).await.unwrap().map(|_| ()).unwrap_err();
            let both = [here, spawned];
            let refused = both.iter().all(|error| {
                matches!(CarryError::of(error), Some(error @ CarryError::InsideRequest) if !error.may_retry())
            });
            refused.to_string().into_response()
        }
    })
    .await;
    assert_eq!(front.call("/bare").await, "true");
    assert_eq!(back.seen().len(), 0);
}

#[tokio::test]
async fn lineage_is_not_started_while_the_answer_of_a_request_is_written() {
    let back = Recorder::start("/").await;
    let (client, url) =
        (originating(&back.origin()).client(reqwest::Client::builder()).unwrap(), back.url("/"));
    let front = Front::start(move || {
        let (client, url) = (client.clone(), url.clone());
        async move {
            streaming(async move {
                let error = client.get(&url).send().await.map(|_| ()).err();
                let reason = error.as_ref().and_then(|error| CarryError::of(error));
                matches!(reason, Some(CarryError::InsideRequest)).to_string()
            })
        }
    })
    .await;
    assert_eq!(front.call("/bare").await, "true");
    assert_eq!(back.seen().len(), 0);
}

/// A body that says in each frame for whom it is written.
struct SaysFor(Arc<Mutex<Vec<Option<String>>>>, u8);

impl http_body::Body for SaysFor {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Self::Data>, Self::Error>>> {
        let admitted = kest_baggage::current_admission().map(|it| it.operation_name().to_string());
        self.0.lock().unwrap().push(admitted);
        self.1 += 1;
        Poll::Ready((self.1 < 3).then(|| Ok(Frame::data("frame".into()))))
    }
}

#[tokio::test]
async fn streamed_upload_is_written_as_part_of_the_operation_that_sends_it() {
    let (back, elsewhere) = (Recorder::start("/").await, Recorder::start("/").await);
    let client = carrying(&back.origin()).client(reqwest::Client::builder()).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    run_admitted(edge().await, async |_| {
        for url in [back.url("/"), elsewhere.url("/")] {
            let body = reqwest::Body::wrap(SaysFor(Arc::clone(&heard), 0));
            client.post(url).body(body).send().await.unwrap();
        }
    })
    .await;
    let heard = heard.lock().unwrap().clone();
    assert!(heard.len() >= 4 && heard.iter().all(|name| name.as_deref() == Some("enter")), "{heard:?}");
    assert!(current_user().is_none());
}

#[tokio::test]
async fn foreign_members_of_the_client_arrive_beside_the_lineage() {
    let (back, elsewhere) = (Recorder::start("/").await, Recorder::start("/").await);
    let client = carrying(&back.origin()).foreign_members("tenant=acme,region=eu;kept");
    let client = client.client(reqwest::Client::builder()).unwrap();
    run_admitted(edge().await, async |_| {
        client.get(back.url("/")).send().await.unwrap();
        client.get(back.url("/")).header("baggage", "tenant=other").send().await.unwrap();
        client.get(elsewhere.url("/")).send().await.unwrap();
    })
    .await;
    let mut lines = Vec::new();
    for seen in back.seen() {
        assert_eq!(seen.workloads().await, ["edge"]);
        lines.push(seen.baggage().split(",kest.").next().unwrap().to_owned());
    }
    assert_eq!(lines, ["tenant=acme,region=eu;kept", "tenant=other,region=eu;kept"]);
    assert_eq!(elsewhere.seen().pop().unwrap().baggage(), "");
}

#[tokio::test]
async fn reason_is_found_below_retries() {
    let back = Recorder::start("/").await;
    let client =
        carrying(&back.origin()).client_with(reqwest::Client::builder(), |stack| retrying(retrying(stack)));
    let error = client.unwrap().get(back.url("/")).send().await.map(|_| ()).unwrap_err();
    assert!(matches!(CarryError::of(&error), Some(CarryError::NoLineage)), "{error:?}");
    assert_eq!(back.seen().len(), 0);
}

#[tokio::test]
async fn debug_output_of_what_carries_holds_no_entry() {
    let admission = edge().await;
    let limits = Limits::default();
    let packed = kest_baggage::packed_once(&admission, &Tiers::auto()).await.unwrap();
    let mut headers = http::HeaderMap::new();
    packed.inject(&mut headers, &limits).unwrap();
    let read = || kest_baggage::HeaderReader::default().read_headers(&headers).unwrap();
    let restored = kest_baggage::restore(read(), None, &limits).await.unwrap();
    let printed = [
        format!("{headers:?} {packed:?}"),
        format!("{:?} {restored:?}", read()),
        format!("{:?}", Ambience::from(admission.clone())),
        format!("{:?}", kest_baggage::with_admission(admission.clone(), async {})),
        format!("{:?}", originating("https://stock.internal")),
        format!("{:?}", reqwest::Client::new().get("https://stock.internal").headers(headers.clone())),
    ];
    for text in printed {
        assert!(!text.contains("eyJ"), "{text}");
    }
}
