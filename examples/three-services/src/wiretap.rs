//! A listener on the way: takes one request that another service sends, and keeps it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use kest::core::BoxError;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// A request as it was on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Copied {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Listens on loopback until it is dropped; nothing that comes here goes on.
#[derive(Debug)]
pub(crate) struct Wiretap {
    authority: String,
    copied: Mutex<mpsc::Receiver<Copied>>,
    serving: JoinHandle<()>,
}

impl Wiretap {
    pub(crate) async fn start() -> Result<Self, BoxError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let authority = listener.local_addr()?.to_string();
        let (keep, copied) = mpsc::channel(1);
        let router = Router::new().fallback(take).with_state(keep);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("wiretap stopped: {error}");
            }
        });
        Ok(Self { authority, copied: Mutex::new(copied), serving })
    }

    /// The name by which it is reached, `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The request that came by.
    pub(crate) async fn copied(&self) -> Result<Copied, BoxError> {
        Ok(self.copied.lock().await.recv().await.ok_or("nothing came by")?)
    }
}

async fn take(State(keep): State<mpsc::Sender<Copied>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // Who asks for it later may be gone.
    drop(keep.send(Copied { headers, body }).await);
    StatusCode::BAD_GATEWAY
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
