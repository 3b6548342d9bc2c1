//! The smallest service that proves who called it: one key, one policy, one route, called once.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use kest::core::BoxError;
use kest::{
    Admitted, CarryPassport, Destination, Ed25519Signer, IdentityChoice, InboundLayer, Kest, KeyRing,
    Operation, OperationLayer, Origin, OsRandom, WithoutLineage, WorkloadId, dangerous_allow_all, policy_fn,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Who this service is. A real one reads its key from a file or has a KMS sign.
    let signer =
        Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("spiffe://example.org/greeter")?, &OsRandom)?);
    let mut trusted = KeyRing::new();
    trusted.trust_signer(signer.as_ref())?;
    let kest = Kest::builder(signer).build();

    // The service: no request reaches the handler without a verified lineage that policy accepts.
    let operation = OperationLayer::new(
        kest.clone(),
        Operation::named("greet")?,
        policy_fn("trusted_data_only", |inquiry| inquiry.trust_score().value() >= 50)?,
    );
    // `from_lineage` believes what the passport says of the caller: for a service behind an edge that verifies tokens.
    let greet = Router::new()
        .route("/greet", get(greet).route_layer(operation))
        .layer(InboundLayer::builder(Arc::new(trusted)).identity(IdentityChoice::from_lineage()).build());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, greet).await });

    // A caller without a lineage counts as the internet: trust 10, and policy says no.
    let anonymous = reqwest::get(format!("{origin}/greet")).await?;

    // A job of our own starts a lineage and carries it along.
    let client = CarryPassport::to([Destination::origin(&origin)?])
        .without_lineage(WithoutLineage::originate(
            kest,
            Origin::system(),
            Operation::named("morning_job")?,
            dangerous_allow_all(),
        ))
        .client(reqwest::Client::builder())?;
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
