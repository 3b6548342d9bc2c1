//! A whole hop over loopback: a route with token, passport, policy and signed entry, and the call that it makes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use kest::client::CarryPassport;
use kest::core::entry::ResourceError;
use kest::core::{AdmitOptions, BoxError};
use kest::{
    Admission, Authorize, Destination, IdentityChoice, InMemoryPassports, InboundLayer, JwtAuthenticator,
    Limits, Operation, OperationLayer, Origin, Passport, Resource, Tiers, WithoutLineage,
    dangerous_allow_all,
};
use tokio::runtime::Runtime;

use crate::decisions;
use crate::identity::Issuer;
use crate::report::{Cell, Chapter, Column};
use crate::requests::{Connection, answer, call, connect, listen};
use crate::rig::Company;
use crate::stopwatch::{Side, race, timed};
use crate::tiers;

/// Everything that a protected route does, by length of the lineage, against the same server's bare route.
pub(crate) fn routes(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let issuer = Issuer::ed25519()?;
    let mut rows = Vec::new();
    for entries in LENGTHS {
        let passports = runtime.block_on(company.passports(DISTINCT, entries))?;
        let store = Arc::new(InMemoryPassports::new(&Limits::default()));
        let tiers = Tiers::auto().store(Arc::<InMemoryPassports>::clone(&store));
        let address = runtime.block_on(serve(company, &issuer, &store))?;
        let headers = runtime.block_on(headers_of(company, &issuer, &passports, &tiers))?;
        let bare = vec![HeaderMap::new(); DISTINCT];
        let [bare, new, known] = race(
            ROUNDS,
            [
                requests(runtime, address, "/bare", bare)?,
                requests(runtime, address, "/new", headers.clone())?,
                requests(runtime, address, "/known", headers)?,
            ],
        )?;
        let tier = tiers::chosen(company, passports.first().ok_or("no passport")?);
        let tier = runtime.block_on(tier)?;
        rows.push(vec![
            Cell::Count(entries),
            Cell::Text(tier.as_str().to_owned()),
            Cell::Ratio(new.over(&bare)),
            Cell::Ratio(known.over(&bare)),
            Cell::Nanoseconds(new.least()),
            Cell::Nanoseconds(known.least()),
            Cell::Nanoseconds(bare.least()),
        ]);
    }
    Ok(Chapter {
        title: "A request with token, passport, Cedar policy and signed entry, in requests to the same server's bare route",
        columns: &[
            Column("entries_in", "entries in"),
            Column("tier", "tier"),
            Column("new_ratio", "new/bare"),
            Column("known_ratio", "known/bare"),
            Column("new_ns", "new ns"),
            Column("known_ns", "known ns"),
            Column("bare_ns", "bare ns"),
        ],
        rows,
        targets: Vec::new(),
        notes: vec![
            format!("one connection, {DISTINCT} lineages; client and server share one thread"),
            "new: no entry is remembered; known: each was verified before; token and decision are remembered"
                .to_owned(),
        ],
    })
}

/// Calls that carry a passport, against calls of the same client to an address that is not listed.
pub(crate) fn calls(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let mut rows = Vec::new();
    for entries in LENGTHS {
        let packed = runtime.block_on(admissions(company, entries))?;
        let outbound = Outbound::start(runtime)?;
        let [plain, first, again] = race(
            ROUNDS,
            [
                outbound.side("127.0.0.1", || Ok(packed.clone())),
                outbound.side("localhost", || runtime.block_on(admissions(company, entries))),
                outbound.side("localhost", || Ok(packed.clone())),
            ],
        )?;
        rows.push(vec![
            Cell::Count(entries + 1),
            Cell::Ratio(first.over(&plain)),
            Cell::Ratio(again.over(&plain)),
            Cell::Nanoseconds(first.least()),
            Cell::Nanoseconds(again.least()),
            Cell::Nanoseconds(plain.least()),
        ]);
    }
    Ok(Chapter {
        title: "A call that carries its operation's passport, in calls of the same client without one",
        columns: &[
            Column("entries_out", "entries out"),
            Column("first_ratio", "first/plain"),
            Column("again_ratio", "again/plain"),
            Column("first_ns", "first ns"),
            Column("again_ns", "again ns"),
            Column("plain_ns", "plain ns"),
        ],
        rows,
        targets: Vec::new(),
        notes: vec![
            "first: the operation packs its passport for it; again: a later call of the same operation"
                .to_owned(),
        ],
    })
}

/// A server with one bare route, one that forgets entries and one that remembers them.
async fn serve(
    company: &Company,
    issuer: &Issuer,
    store: &Arc<InMemoryPassports>,
) -> Result<SocketAddr, BoxError> {
    let authenticator = Arc::new(issuer.trusted()?.build()?);
    authenticator.start().await?;
    let mut forgetful = Limits::default();
    forgetful.seen_bytes = 0;
    let router = Router::new()
        .route("/bare", get(answer))
        .merge(protected(company, &authenticator, store, "/new", forgetful)?)
        .merge(protected(company, &authenticator, store, "/known", Limits::default())?);
    listen(router).await
}

fn protected(
    company: &Company,
    authenticator: &Arc<JwtAuthenticator>,
    store: &Arc<InMemoryPassports>,
    path: &str,
    limits: Limits,
) -> Result<Router, BoxError> {
    let inbound = InboundLayer::builder(Arc::clone(&company.ring))
        .identity(IdentityChoice::mechanism(Arc::<JwtAuthenticator>::clone(authenticator)))
        .passport_store(Arc::<InMemoryPassports>::clone(store))
        .limits(limits);
    let policy: Arc<dyn Authorize> = decisions::remembered()?;
    let operation = Operation::named("call")?;
    let layer = OperationLayer::try_shared(company.service(1)?.clone(), operation, policy)?
        .root_origin(Origin::system())
        .resource(about);
    Ok(Router::new().route(path, get(answer)).layer(layer).layer(inbound.try_build()?))
}

fn about(parts: &http::request::Parts) -> Result<Resource, ResourceError> {
    let resource = Resource::from_path(parts.uri.path())?;
    // The object is constant and has a canonical form.
    Ok(resource.with_attributes(r#"{"min_trust":40}"#).unwrap_or_default())
}

/// What a request with each of `passports` and a token of its caller has to say.
async fn headers_of(
    company: &Company,
    issuer: &Issuer,
    passports: &[Passport],
    tiers: &Tiers,
) -> Result<Vec<HeaderMap>, BoxError> {
    let token = format!("Bearer {}", issuer.token(0)?);
    let mut all = Vec::with_capacity(passports.len());
    for passport in passports {
        let mut headers = tiers::write(company, passport, tiers, &Limits::default()).await?;
        headers.insert(header::AUTHORIZATION, token.clone().try_into()?);
        all.push(headers);
    }
    Ok(all)
}

/// One request with each of `headers`, one after the other over one connection.
fn requests<'race>(
    runtime: &'race Runtime,
    address: SocketAddr,
    path: &'static str,
    headers: Vec<HeaderMap>,
) -> Result<Side<'race>, BoxError> {
    let mut connection: Connection = runtime.block_on(connect(address))?;
    Ok(Side::new(headers.len(), move || {
        let (took, answered) = timed(|| {
            runtime.block_on(async {
                for headers in &headers {
                    call(&mut connection, address, path, headers).await?;
                }
                Ok(())
            })
        });
        answered.map(|()| took)
    }))
}

/// Operations after `entries` others, which have packed nothing yet.
async fn admissions(company: &Company, entries: usize) -> Result<Vec<Admission>, BoxError> {
    let operation = Operation::named("call")?;
    let policy = dangerous_allow_all();
    let mut admissions = Vec::with_capacity(DISTINCT);
    for passport in company.passports(DISTINCT, entries).await? {
        let arrival = company.arrival(Some(&passport));
        let admitting =
            company.service(entries)?.admit(&arrival, &operation, &policy, AdmitOptions::default());
        admissions.push(admitting.await?);
    }
    Ok(admissions)
}

/// A server, and a client that carries passports to it when it is called `localhost`.
struct Outbound<'race> {
    runtime: &'race Runtime,
    client: reqwest_middleware::ClientWithMiddleware,
    port: u16,
}

impl<'race> Outbound<'race> {
    fn start(runtime: &'race Runtime) -> Result<Self, BoxError> {
        let address = runtime.block_on(listen(Router::new().route("/", get(answer))))?;
        let port = address.port();
        let client = CarryPassport::to([Destination::origin(&format!("http://localhost:{port}"))?])
            .without_lineage(WithoutLineage::Refuse)
            .without_hop_proof()
            .tiers(Tiers::auto().store(Arc::new(InMemoryPassports::new(&roomy()))))
            .client(reqwest::Client::builder())?;
        Ok(Self { runtime, client, port })
    }

    /// One call from each of the operations that `fresh` gives.
    fn side<'side>(
        &'side self,
        host: &str,
        fresh: impl Fn() -> Result<Vec<Admission>, BoxError> + 'side,
    ) -> Side<'side> {
        let address = format!("http://{host}:{}/", self.port);
        Side::new(DISTINCT, move || {
            let admissions = fresh()?;
            let (took, answered) = timed(|| {
                self.runtime.block_on(async {
                    for admission in &admissions {
                        let call = self.client.get(&address).with_extension(admission.clone());
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

/// Bounds under which one caller may keep a claim for each call of all rounds.
fn roomy() -> Limits {
    let mut limits = Limits::default();
    limits.passport_store_bytes = 1024 * 1024 * 1024;
    limits
}

/// Entries that come in: one hop, a lineage that still fits the header, and the longest that is verified in place.
const LENGTHS: [usize; 3] = [1, 8, 64];
/// Lineages of each length, and so operations of one lap.
const DISTINCT: usize = 16;
const ROUNDS: usize = 60;
