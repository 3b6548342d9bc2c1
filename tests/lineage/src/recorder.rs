//! A server that keeps what arrives and says whose entries the lineage has.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, StatusCode, Uri};
use kest_core::{Limits, Verifier};
use tokio::net::TcpListener;

use crate::services::ring;

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Path of the request.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
}

impl Seen {
    /// All its baggage lines, joined.
    #[must_use]
    pub fn baggage(&self) -> String {
        let lines = self.headers.get_all("baggage").iter();
        lines.map(|line| line.to_str().unwrap()).collect::<Vec<_>>().join(",")
    }

    /// The workloads of all entries of the lineage, after verifying it, oldest first, and the hash of the first entry.
    pub async fn lineage(&self) -> (Vec<String>, String) {
        let packed = kest_baggage::HeaderReader::default().read_headers(&self.headers).unwrap();
        let limits = Limits::default();
        let restored = kest_baggage::restore(packed, None, &limits).await.unwrap();
        let Some(passport) = restored.passport() else { return (Vec::new(), String::new()) };
        let passport = Verifier::new(limits).verify(passport, &ring()).unwrap();
        let workload = |entry: &Arc<kest_core::entry::Entry>| {
            let name = entry.workload().to_string();
            name.rsplit('/').next().unwrap().to_owned()
        };
        let root = passport.entries().first().map(|entry| entry.hash().to_string());
        (passport.entries().iter().map(workload).collect(), root.unwrap_or_default())
    }

    /// The workloads of all entries of the lineage, after verifying it, oldest first.
    pub async fn workloads(&self) -> Vec<String> {
        self.lineage().await.0
    }
}

/// A server that answers everything, but for `/away` (a redirect), `/again` (one on the same origin) and `/flaky`
/// (503 at every first attempt).
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Recorder {
    /// Starts one that redirects `/away` to `target`.
    pub async fn start(target: &str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (keep, target) = (Arc::clone(&seen), target.to_owned());
        let flaky = Arc::new(AtomicUsize::new(0));
        let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| -> Response {
            let path = uri.path().to_owned();
            keep.lock().unwrap().push(Seen { path: path.clone(), headers });
            match path.as_str() {
                "/away" => Redirect::temporary(&target).into_response(),
                "/again" => Redirect::temporary("/call").into_response(),
                "/flaky" if flaky.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => {
                    StatusCode::SERVICE_UNAVAILABLE.into_response()
                }
                _ => "answer".into_response(),
            }
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen }
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What arrived so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Checks that nothing of ours arrived here, in no header and in no spelling.
    #[track_caller]
    pub fn check_nothing_of_ours(&self) {
        for seen in self.seen() {
            for (name, value) in &seen.headers {
                let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
                let plain = text.replace("%2e", ".").replace("%6b", "k").replace("%25", "%");
                let ours = plain.contains("kest") || plain.contains("eyj");
                assert!(!ours, "{name}: {text}");
            }
        }
    }
}
