//! What a hop proof costs: a call between two services with it, against the same call without.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use kest::client::CarryPassport;
use kest::core::BoxError;
use kest::{
    Admission, Destination, HopProof, IdentityChoice, InboundLayer, Operation, OperationLayer,
    WithoutLineage, dangerous_allow_all,
};
use reqwest_middleware::ClientWithMiddleware;
use tokio::runtime::Runtime;

use crate::report::{Cell, Chapter, Column, Target};
use crate::requests::{answer, listen};
use crate::rig::{Bare, Company};
use crate::stopwatch::{Side, race, timed};

/// One whole hop: packed and signed by one service, verified, admitted and signed by the next.
pub(crate) fn measure(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let lineages = runtime.block_on(lineages(company))?;
    let first = lineages.first().ok_or("no lineage")?;
    let bare = company.bare(first.entry())?;
    let without = Hop::start(company, runtime, Proof::None)?;
    let with = Hop::start(company, runtime, Proof::Signature)?;
    let [pair, without, with] =
        race(ROUNDS, [signature_and_verification(&bare), without.side(&lineages), with.side(&lineages)])?;
    let bound = without.least() + pair.least();
    Ok(Chapter {
        title: "A hop with a hop proof, in hops without one",
        columns: &[
            Column("entries_in", "entries in"),
            Column("ratio", "with/without"),
            Column("with_ns", "with ns"),
            Column("without_ns", "without ns"),
            Column("pair_ns", "signature and verification ns"),
        ],
        rows: vec![vec![
            Cell::Count(ENTRIES),
            Cell::Ratio(with.over(&without)),
            Cell::Nanoseconds(with.least()),
            Cell::Nanoseconds(without.least()),
            Cell::Nanoseconds(pair.least()),
        ]],
        targets: vec![Target {
            what: "a hop with a proof / a hop without, one signature and one verification",
            measured: with.least() / bound,
            below: 1.15,
        }],
        notes: vec![format!(
            "one connection, {DISTINCT} lineages of {ENTRIES} entries, all of them remembered"
        )],
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    None,
    Signature,
}

/// A service, and the client of another one that calls it.
struct Hop<'race> {
    runtime: &'race Runtime,
    client: ClientWithMiddleware,
}

impl<'race> Hop<'race> {
    fn start(company: &Company, runtime: &'race Runtime, proof: Proof) -> Result<Self, BoxError> {
        // A name, since the port is not known before it is listened on.
        let named = "hop.internal";
        let inbound =
            InboundLayer::builder(Arc::clone(&company.ring)).identity(IdentityChoice::from_lineage());
        let inbound = match proof {
            Proof::None => inbound.dangerous_bearer_passports(),
            Proof::Signature => inbound.hop_proof(HopProof::for_authority(named)),
        };
        let operation = Operation::named("call")?;
        let layer = OperationLayer::try_shared(
            company.service(1)?.clone(),
            operation,
            Arc::new(dangerous_allow_all()),
        )?;
        let router = Router::new().route("/", get(answer)).layer(layer).layer(inbound.try_build()?);
        let address = runtime.block_on(listen(router))?;
        let carrying = CarryPassport::to([Destination::dangerous_plain_http(&format!("http://{named}"))?])
            .without_lineage(WithoutLineage::Refuse);
        let carrying = match proof {
            Proof::None => carrying.without_hop_proof(),
            Proof::Signature => carrying,
        };
        let client = carrying.client(reqwest::Client::builder().resolve(named, address))?;
        Ok(Self { runtime, client })
    }

    /// A call from each of `lineages`.
    fn side<'side>(&'side self, lineages: &'side [Admission]) -> Side<'side> {
        Side::new(lineages.len(), move || {
            let (took, answered) = timed(|| {
                self.runtime.block_on(async {
                    for admission in lineages {
                        let call = self.client.get("http://hop.internal/").with_extension(admission.clone());
                        let status = call.send().await?.status();
                        if status != StatusCode::OK {
                            return Err(format!("a call was answered with {status}").into());
                        }
                    }
                    Ok(())
                })
            });
            answered.map(|()| took)
        })
    }
}

/// What a hop proof cannot do without.
fn signature_and_verification(bare: &Bare) -> Side<'_> {
    Side::new(DISTINCT, || {
        let (took, verified) = timed(|| {
            for _ in 0..DISTINCT {
                std::hint::black_box(bare.sign());
                bare.verify()?;
            }
            Ok(())
        });
        verified.map(|()| took)
    })
}

async fn lineages(company: &Company) -> Result<Vec<Admission>, BoxError> {
    let mut lineages = Vec::with_capacity(DISTINCT);
    for _ in 0..DISTINCT {
        lineages.push(company.lineage(ENTRIES).await?);
    }
    Ok(lineages)
}

const ENTRIES: usize = 3;
const DISTINCT: usize = 16;
const ROUNDS: usize = 60;
