//! What leaves through the carrying client, and what does not leave at all.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::{IntoResponse as _, Redirect};
use http::{HeaderMap, Uri};
use kest_baggage::{Tiers, run_admitted};
use kest_core::trust::Origin;
use kest_core::{Limits, Operation, policy::dangerous_allow_all};
use kest_reqwest::{CarryError, CarryPassport, ClientError, Destination, Sent, WithoutLineage};
use kest_testkit::FailingPassports;
use kest_tests::keys;
use reqwest_middleware::ClientWithMiddleware;
use tokio::net::TcpListener;

/// A server that keeps the headers of every request.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        Self::answering(None).await
    }

    /// Redirects `/away` to `target` and answers everything else.
    pub(crate) async fn redirecting(target: &str) -> Self {
        Self::answering(Some(target.to_owned())).await
    }

    async fn answering(redirect: Option<String>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&seen);
        let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
            keep.lock().unwrap().push(headers);
            match redirect {
                Some(target) if uri.path() == "/away" => Redirect::temporary(&target).into_response(),
                _ => "seen".into_response(),
            }
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<HeaderMap> {
        self.seen.lock().unwrap().clone()
    }
}

/// All baggage lines of these requests.
pub(crate) fn baggage_of(requests: &[HeaderMap]) -> Vec<String> {
    let lines = requests.iter().flat_map(|headers| headers.get_all("baggage"));
    lines.map(|line| line.to_str().unwrap().to_owned()).collect()
}

fn error_of(error: &reqwest_middleware::Error) -> &CarryError {
    match error {
        reqwest_middleware::Error::Middleware(cause) => cause.downcast_ref().unwrap(),
        reqwest_middleware::Error::Reqwest(cause) => panic!("{cause}"),
    }
}

#[tokio::test]
async fn request_without_lineage_is_not_sent() {
    let next = Recorder::start().await;
    let client = CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .client(reqwest::Client::builder())
        .unwrap();
    let error = client.get(next.url("/")).send().await.unwrap_err();
    assert!(matches!(error_of(&error), CarryError::NoLineage) && !error_of(&error).may_retry());
    assert_eq!(next.requests().len(), 0);
}

#[tokio::test]
async fn request_without_lineage_starts_one_under_the_named_origin() {
    let next = kest_tests::service::Service::start().await;
    let origin = format!("http://{}", next.address);
    let client = CarryPassport::to([Destination::origin(&origin).unwrap()])
        .without_lineage(WithoutLineage::originate(
            keys::kest("ledger"),
            Origin::verified_rag(),
            Operation::named("nightly").unwrap(),
            dangerous_allow_all(),
        ))
        .client(reqwest::Client::builder())
        .unwrap();
    let response = client.post(format!("{origin}/call")).send().await.unwrap();
    let seen: serde_json::Value = response.json().await.unwrap();
    assert_eq!((&seen["entries"], &seen["trust_score"]), (&2.into(), &90.into()));
}

#[tokio::test]
async fn client_without_a_destination_is_not_built() {
    let built =
        CarryPassport::to([]).without_lineage(WithoutLineage::Refuse).client(reqwest::Client::builder());
    assert!(matches!(built, Err(ClientError::NoDestination)));
}

#[tokio::test]
async fn spawned_request_carries_the_admission_that_it_was_given() {
    let next = Recorder::start().await;
    let client = CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .client(reqwest::Client::builder())
        .unwrap();
    let request = client.get(next.url("/")).with_extension(keys::chain(2).await);
    let response = tokio::spawn(request.send()).await.unwrap().unwrap();
    assert_eq!(response.extensions().get::<Sent>().unwrap().tier.as_str(), "inline");
    assert_eq!(baggage_of(&next.requests()).len(), 1);
}

#[tokio::test]
async fn header_is_packed_once_for_all_calls_of_an_operation() {
    let next = Recorder::start().await;
    let store = Arc::new(kest_baggage::InMemoryPassports::new(&Limits::default()));
    let kept: Arc<dyn kest_baggage::PassportStore> = Arc::<kest_baggage::InMemoryPassports>::clone(&store);
    let client = CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .tiers(Tiers::auto().store(kept))
        .client(reqwest::Client::builder())
        .unwrap();
    run_admitted(keys::chain(40).await, async |_| {
        for _ in 0..3 {
            client.get(next.url("/")).send().await.unwrap();
        }
    })
    .await;
    let carried = baggage_of(&next.requests());
    assert!(carried.len() == 3 && carried[0] == carried[1] && carried[1] == carried[2], "{carried:?}");
    assert!(carried[0].starts_with("kest.claim_check="));
    assert_eq!(store.len(), 1, "one claim for three calls");
}

#[tokio::test]
async fn passport_that_fits_nowhere_is_not_sent() {
    let next = Recorder::start().await;
    let without = |tiers: Tiers| {
        CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
            .without_lineage(WithoutLineage::Refuse)
            .tiers(tiers)
            .client(reqwest::Client::builder())
            .unwrap()
    };
    for (tiers, may_retry) in
        [(Tiers::auto(), false), (Tiers::auto().store(Arc::new(FailingPassports::away())), true)]
    {
        let client = without(tiers);
        let url = next.url("/");
        let error =
            run_admitted(keys::chain(40).await, async |_| client.get(url).send().await.unwrap_err()).await;
        assert!(matches!(error_of(&error), CarryError::Pack(_)), "{error}");
        assert_eq!(error_of(&error).may_retry(), may_retry);
    }
    assert_eq!(next.requests().len(), 0);
}

#[tokio::test]
async fn own_baggage_of_the_request_is_kept_and_must_leave_room() {
    let next = Recorder::start().await;
    let client = CarryPassport::to([Destination::origin(&next.origin()).unwrap()])
        .without_lineage(WithoutLineage::Refuse)
        .client(reqwest::Client::builder())
        .unwrap();
    run_admitted(keys::chain(1).await, async |_| {
        let kept = client.get(next.url("/")).header("baggage", "a=1;x,b=%2C").send().await;
        kept.unwrap();
        let full =
            client.get(next.url("/")).header("baggage", format!("a={}", "x".repeat(8000))).send().await;
        assert!(matches!(error_of(&full.unwrap_err()), CarryError::Inject(_)));
    })
    .await;
    let carried = baggage_of(&next.requests());
    assert!(carried.len() == 1 && carried[0].starts_with("a=1;x,b=%2C,kest.passport="), "{carried:?}");
}

/// A client for that destination, without proxies of its own.
fn client_to(destination: Destination, builder: reqwest::ClientBuilder) -> ClientWithMiddleware {
    CarryPassport::to([destination])
        .without_lineage(WithoutLineage::originate(
            keys::kest("svc"),
            Origin::system(),
            Operation::named("job").unwrap(),
            dangerous_allow_all(),
        ))
        .client(builder)
        .unwrap()
}

/// What runs in a process with proxies in its environment; by itself it shows that a passport arrives.
#[tokio::test]
async fn passport_goes_to_its_destination_itself() {
    let next = Recorder::start().await;
    let client = client_to(Destination::origin(&next.origin()).unwrap(), reqwest::Client::builder());
    client.get(next.url("/a")).send().await.unwrap();
    assert_eq!(baggage_of(&next.requests()).len(), 1);
}

#[tokio::test]
async fn proxy_of_the_environment_gets_no_passport() {
    let proxy = Recorder::start().await;
    let origin = proxy.origin();
    let child = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "outbound::passport_goes_to_its_destination_itself"]);
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env(name, &origin);
        }
        for name in ["no_proxy", "NO_PROXY", "REQUEST_METHOD"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    });
    let child = child.await.unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert_eq!(proxy.requests().len(), 0, "{said}");
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn proxy_that_was_chosen_is_used() {
    let proxy = Recorder::start().await;
    let next = Destination::dangerous_plain_http("http://stock.internal").unwrap();
    let builder = reqwest::Client::builder().proxy(reqwest::Proxy::http(proxy.origin()).unwrap());
    client_to(next, builder).get("http://stock.internal/a").send().await.unwrap();
    assert_eq!(baggage_of(&proxy.requests()).len(), 1);
}

#[tokio::test]
async fn localhost_is_this_machine_whatever_the_builder_looks_up() {
    let next = Recorder::start().await;
    for host in ["localhost", "localhost."] {
        let origin = format!("http://{host}:{}", next.address.port());
        // TEST-NET-1, where nothing listens.
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let builder = reqwest::Client::builder().resolve(host, elsewhere);
        let client = client_to(Destination::origin(&origin).unwrap(), builder);
        client.get(format!("{origin}/a")).send().await.unwrap();
    }
    assert_eq!(baggage_of(&next.requests()).len(), 2);
}
