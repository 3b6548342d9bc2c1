//! The smallest service that proves who called it: one key, one policy, one route, called once.

use std::io::Write as _;

use axum::Router;
use axum::routing::get;
use kest::core::BoxError;
use kest::prelude::*;
use kest::{Operation, OsRandom, WorkloadId, dangerous_allow_all};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Who this service is. A real one reads its key from a file or has a KMS sign.
    let signer =
        Ed25519Signer::ephemeral(WorkloadId::from_static("spiffe://example.org/greeter"), &OsRandom)?;
    let mut trusted = KeyRing::new();
    trusted.trust_signer(&signer)?;
    // Where callers reach it. They sign each request for this name, so that a passport which was copied is worth nothing.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let authority = listener.local_addr()?.to_string();
    let kest = Kest::builder(signer)
        .trust(trusted)
        .hop_proof(HopProof::for_authority(authority.as_str()))
        .without_deployment_policies()
        .build()?;

    // The service: no request reaches the handler without a verified lineage that policy accepts. `FromLineage` believes what
    // the passport says of the caller: for a service behind an edge that verifies tokens.
    let operation = kest
        .operation("greet")
        .policy_fn("trusted_data_only", |asked| asked.trust_score() >= TrustScore::from_static(50))?;
    let greet =
        Router::new().route("/greet", get(greet).route_layer(operation)).layer(kest.inbound(FromLineage));
    let origin = format!("http://{authority}");
    tokio::spawn(async move { axum::serve(listener, greet).await });

    // A caller without a lineage counts as the internet: trust 10, and policy says no.
    let anonymous = reqwest::get(format!("{origin}/greet")).await?;

    // A job of our own starts a lineage and carries it along.
    let client = kest
        .client(reqwest::Client::builder())
        .destination(&origin)?
        .originate(Origin::system(), Operation::from_static("morning_job"), dangerous_allow_all())?
        .build()?;
    let known = client.get(format!("{origin}/greet")).send().await?;

    let mut out = std::io::stdout().lock();
    writeln!(out, "without a lineage: {}", anonymous.status())?;
    writeln!(out, "with a lineage:    {} {}", known.status(), known.text().await?)?;
    Ok(())
}

async fn greet(Admitted(admission): Admitted) -> String {
    let through: Vec<&str> =
        admission.passport().entries().iter().map(|it| it.operation().as_str()).collect();
    format!("hello, reached through {}", through.join(" -> "))
}
