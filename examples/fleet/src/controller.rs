//! The controller: takes heartbeats, hands out tasks and takes reports, from each executor under its own path alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Extension, Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Args;
use http::StatusCode;
use kest::core::BoxError;
use kest::prelude::*;
use kest::workload::{OwnPath, PeerIdentity, Workload, with_peers};
use kest_signature::{RequestKeys, RequestSignatureLayer, RequestVerifier, SignedRequest};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::stopping;

/// Where the controller is, and who says who it is.
#[derive(Debug, Clone, Args)]
pub struct Flags {
    /// The folder of its identity.
    #[arg(long)]
    pub folder: PathBuf,
    /// The authority: `https://127.0.0.1:8443`.
    #[arg(long)]
    pub authority: String,
    /// The file of its ticket.
    #[arg(long)]
    pub ticket: PathBuf,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// What the process says once it listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listening {
    /// Where it takes connections of executors.
    pub address: SocketAddr,
}

/// A piece of work.
#[derive(Debug, Serialize, Deserialize)]
pub struct Task {
    /// Whose it is.
    pub executor: String,
    /// Which one.
    pub number: u64,
}

/// Serves until it is asked to end.
///
/// # Errors
///
/// When it has no identity, or its listener fails.
pub async fn run(flags: Flags) -> Result<(), BoxError> {
    let asked = stopping::asked()?;
    let me = Workload::enrol(&flags.folder)
        .authority(&flags.authority)
        .ticket_file(&flags.ticket)
        .refresh_every(Duration::from_secs(1))
        .start()
        .await?;
    let tcp = TcpListener::bind(flags.listen).await?;
    let address = tcp.local_addr()?;
    let app = app(&me, address)?;
    stopping::say(&Listening { address })?;
    tokio::select! {
        served = axum::serve(me.listener(tcp), with_peers(app)) => served?,
        () = asked => {}
    }
    me.stop().await;
    Ok(())
}

/// Heartbeats are signed and carry no passport; what is done for a task is in the lineage of its executor.
fn app(me: &Workload, address: SocketAddr) -> Result<Router, BoxError> {
    let kest = Kest::builder(me.signer())
        .trust(me.bundle())
        .bound_to_peer()
        .without_deployment_policies()
        .build()?;
    let known =
        |asked: &kest::core::policy::PolicyRequest<'_>| asked.trust_score() >= TrustScore::from_static(50);
    let tasks = Router::new()
        .route(
            "/executors/{workload}/task",
            get(task).route_layer(kest.operation("next_task").policy_fn("fleet", known)?),
        )
        .route(
            "/executors/{workload}/report",
            post(report).route_layer(kest.operation("take_report").policy_fn("fleet", known)?),
        )
        .with_state(Arc::new(AtomicU64::new(0)))
        .layer(kest.inbound(FromLineage));
    let verifier = RequestVerifier::builder(RequestKeys::followed(me.bundle()))
        .authority(address.to_string())
        .build()?;
    let beats = Router::new()
        .route("/executors/{workload}/heartbeat", post(heartbeat))
        .layer(RequestSignatureLayer::new(verifier));
    Ok(tasks.merge(beats).layer(from_fn(own_path)).route("/healthz", get(async || "ok")))
}

/// An executor has no business under another's path: nothing is signed for it there.
async fn own_path(_own: OwnPath, request: Request, next: Next) -> Response {
    next.run(request).await
}

async fn heartbeat(
    Path(name): Path<String>,
    Extension(signed): Extension<SignedRequest>,
    Extension(peer): Extension<PeerIdentity>,
) -> StatusCode {
    tracing::debug!(name, "beats");
    // The key of the signature and that of the connection must be of one workload.
    if signed.workload() == peer.workload().workload() {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::FORBIDDEN
    }
}

async fn task(Path(executor): Path<String>, State(next): State<Arc<AtomicU64>>) -> Json<Task> {
    Json(Task { executor, number: next.fetch_add(1, Ordering::Relaxed) })
}

async fn report(Path(executor): Path<String>, Json(task): Json<Task>) -> StatusCode {
    if task.executor == executor { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN }
}
