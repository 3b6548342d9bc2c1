//! What a hop proof costs: a call between two services with it, against the same call without.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
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
use crate::rig::Company;
use crate::stopwatch::{Side, race, timed};

/// One whole hop: packed and signed by one service, verified, admitted and signed by the next.
pub(crate) fn measure(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let lineages = runtime.block_on(lineages(company))?;
    let pairs = Arc::new(Pairs::new(BASE_BYTES));
    let without = Hop::start(company, runtime, Proof::None, &pairs)?;
    let with = Hop::start(company, runtime, Proof::Signature, &pairs)?;
    let once_more = Hop::start(company, runtime, Proof::Bare, &pairs)?;
    let [pair, without, with, once_more] = race(
        ROUNDS,
        [
            signatures_and_verifications(&pairs),
            without.side(&lineages),
            with.side(&lineages),
            once_more.side(&lineages),
        ],
    )?;
    let target = |what, bound| Target { what, measured: with.least() / bound, below: 1.15 };
    Ok(Chapter {
        title: "A hop with a hop proof, in hops without one",
        columns: &[
            Column("entries_in", "entries in"),
            Column("ratio", "with/without"),
            Column("with_ns", "with ns"),
            Column("once_more_ns", "without, once more ns"),
            Column("without_ns", "without ns"),
            Column("pair_ns", "signature and verification ns"),
        ],
        rows: vec![vec![
            Cell::Count(ENTRIES),
            Cell::Ratio(with.over(&without)),
            Cell::Nanoseconds(with.least()),
            Cell::Nanoseconds(once_more.least()),
            Cell::Nanoseconds(without.least()),
            Cell::Nanoseconds(pair.least()),
        ]],
        targets: vec![
            target(
                "a hop with a proof / a hop without, in which one signature more is made and verified",
                once_more.least(),
            ),
            target(
                "a hop with a proof / (a hop without + one signature and verification in a loop)",
                without.least() + pair.least(),
            ),
        ],
        notes: vec![
            format!("one connection, {DISTINCT} lineages of {ENTRIES} entries, all of them remembered"),
            "once more: the caller signs, and the handler verifies, as many bytes as a proof covers"
                .to_owned(),
        ],
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    None,
    Signature,
    /// The same cryptography, and nothing around it.
    Bare,
}

/// A service, and the client of another one that calls it.
struct Hop<'race> {
    runtime: &'race Runtime,
    client: ClientWithMiddleware,
    /// What the caller signs beside the call.
    bare: Option<Arc<Pairs>>,
}

impl<'race> Hop<'race> {
    fn start(
        company: &Company,
        runtime: &'race Runtime,
        proof: Proof,
        pairs: &Arc<Pairs>,
    ) -> Result<Self, BoxError> {
        // A name, since the port is not known before it is listened on.
        let named = "hop.internal";
        let inbound =
            InboundLayer::builder(Arc::clone(&company.ring)).identity(IdentityChoice::from_lineage());
        let inbound = match proof {
            Proof::None | Proof::Bare => inbound.dangerous_bearer_passports(),
            Proof::Signature => inbound.hop_proof(HopProof::for_authority(named)),
        };
        let operation = Operation::named("call")?;
        let layer = OperationLayer::try_shared(
            company.service(1)?.clone(),
            operation,
            Arc::new(dangerous_allow_all()),
        )?;
        let bare = (proof == Proof::Bare).then(|| Arc::clone(pairs));
        let route = match &bare {
            Some(pairs) => get(verify_and_answer).with_state(Arc::clone(pairs)),
            None => get(answer),
        };
        let router = Router::new().route("/", route).layer(layer).layer(inbound.try_build()?);
        let address = runtime.block_on(listen(router))?;
        let carrying = CarryPassport::to([Destination::dangerous_plain_http(&format!("http://{named}"))?])
            .without_lineage(WithoutLineage::Refuse);
        let carrying = match proof {
            Proof::None | Proof::Bare => carrying.without_hop_proof(),
            Proof::Signature => carrying,
        };
        let client = carrying.client(reqwest::Client::builder().resolve(named, address))?;
        Ok(Self { runtime, client, bare })
    }

    /// A call from each of `lineages`.
    fn side<'side>(&'side self, lineages: &'side [Admission]) -> Side<'side> {
        Side::new(lineages.len(), move || {
            let (took, answered) = timed(|| {
                self.runtime.block_on(async {
                    for admission in lineages {
                        if let Some(pairs) = &self.bare {
                            pairs.sign();
                        }
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

async fn verify_and_answer(State(pairs): State<Arc<Pairs>>) -> (StatusCode, &'static str) {
    let status = if pairs.verify().is_ok() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    (status, "done")
}

/// What a hop proof cannot do without.
fn signatures_and_verifications(pairs: &Pairs) -> Side<'_> {
    Side::new(DISTINCT, || {
        let (took, verified) = timed(|| {
            for _ in 0..DISTINCT {
                pairs.sign();
                pairs.verify()?;
            }
            Ok(())
        });
        verified.map(|()| took)
    })
}

/// Distinct messages, each with its signature, that are signed and verified in turn with a key that is parsed already.
struct Pairs {
    key: SigningKey,
    public: VerifyingKey,
    signed: Vec<(Vec<u8>, Signature)>,
    next: AtomicUsize,
}

impl Pairs {
    fn new(bytes: usize) -> Self {
        let key = SigningKey::from_bytes(&[9; 32]);
        let signed = (0..DISTINCT).map(|place| {
            let message: Vec<u8> = place.to_be_bytes().into_iter().cycle().take(bytes).collect();
            let signature = key.sign(&message);
            (message, signature)
        });
        Self { public: key.verifying_key(), signed: signed.collect(), key, next: AtomicUsize::new(0) }
    }

    fn sign(&self) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % DISTINCT;
        if let Some((message, _)) = self.signed.get(place) {
            std::hint::black_box(self.key.sign(message));
        }
    }

    fn verify(&self) -> Result<(), BoxError> {
        let place = self.next.load(Ordering::Relaxed) % DISTINCT;
        let (message, signature) = self.signed.get(place).ok_or("no message")?;
        Ok(self.public.verify_strict(message, signature)?)
    }
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
/// What a proof of such a request covers: its head, the tip and the parameters.
const BASE_BYTES: usize = 344;
