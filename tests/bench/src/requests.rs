//! Requests per second of a protected route against a bare route of the same server, over loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use kest::core::BoxError;
use kest::{
    Authorize, IdentityChoice, InMemoryPassports, InboundLayer, Limits, Operation, OperationLayer, Resource,
    Tiers, dangerous_allow_all,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::decisions;
use crate::report::{Cell, Chapter, Column};
use crate::rig::Company;
use crate::stopwatch::{Laps, Side, race_all, timed};
use crate::tiers;

/// Real layers on axum, real passports, HTTP/1.1 with connections kept alive.
pub(crate) fn measure(company: &Company) -> Result<Chapter, BoxError> {
    let (lineages, laps) = race_routes(company)?;
    let (bare, protected) = laps.split_first().ok_or("nothing was measured")?;
    let per_second = |laps: &Laps| Cell::Rate(1e9 / laps.least());
    let rows = lineages.iter().zip(protected.chunks_exact(2)).flat_map(|(lineages, laps)| {
        let [new, known] = laps else { return None };
        Some(vec![
            Cell::Count(lineages.entries),
            lineages.tier.map_or(Cell::Nothing, |tier| Cell::Text(tier.to_owned())),
            Cell::Ratio(bare.over(new)),
            Cell::Ratio(bare.over(known)),
            per_second(new),
            per_second(known),
            per_second(bare),
        ])
    });
    Ok(Chapter {
        title: "Requests per second of a protected route, as a part of the same server's bare route",
        columns: &[
            Column("entries_in", "entries in"),
            Column("tier", "tier"),
            Column("new_ratio", "new/bare"),
            Column("known_ratio", "known/bare"),
            Column("new_per_second", "new 1/s"),
            Column("known_per_second", "known 1/s"),
            Column("bare_per_second", "bare 1/s"),
        ],
        rows: rows.collect(),
        targets: Vec::new(),
        notes: vec![
            format!("{CONNECTIONS} connections, {DISTINCT} lineages each, client and server in one process"),
            "new: no entry is remembered; known: each was verified before; every answer was 200 and signed"
                .to_owned(),
        ],
    })
}

/// The same with policies: a route of each, over lineages of three entries that were verified before.
pub(crate) fn with_policies(company: &Company) -> Result<Chapter, BoxError> {
    let runtime = Runtime::new()?;
    let claims = Arc::new(InMemoryPassports::new(&Limits::default()));
    let lineages = runtime.block_on(Lineages::new(company, &claims, 3))?;
    let routes = decisions::routes()?;
    let mut router =
        protected(company, &claims, "/allow_all", Limits::default(), Arc::new(dangerous_allow_all()))?;
    for (path, (_, policy)) in PATHS.into_iter().zip(&routes) {
        router = router.merge(protected(company, &claims, path, Limits::default(), Arc::clone(policy))?);
    }
    let address = runtime.block_on(listen(router))?;
    let mut sides = vec![calls(&runtime, address, "/allow_all", &lineages)?];
    for path in PATHS {
        sides.push(calls(&runtime, address, path, &lineages)?);
    }
    let laps = race_all(ROUNDS, sides)?;
    let (plain, with) = laps.split_first().ok_or("nothing was measured")?;
    let rows = routes.iter().zip(with).map(|((what, _), laps)| {
        vec![
            Cell::Text((*what).to_owned()),
            Cell::Ratio(plain.over(laps)),
            Cell::Rate(1e9 / laps.least()),
            Cell::Rate(1e9 / plain.least()),
        ]
    });
    Ok(Chapter {
        title: "Requests per second of a route with policies, as a part of those of a route that allows everything",
        columns: &[
            Column("policy", ""),
            Column("ratio", "with/without"),
            Column("with_per_second", "with 1/s"),
            Column("without_per_second", "without 1/s"),
        ],
        rows: rows.collect(),
        targets: Vec::new(),
        notes: vec![format!("{} entries in, verified before; kest/trust_threshold", lineages.entries)],
    })
}

/// The bare route, then for each kind of lineage the route that forgets entries and the one that remembers them.
fn race_routes(company: &Company) -> Result<(Vec<Lineages>, Vec<Laps>), BoxError> {
    let runtime = Runtime::new()?;
    let claims = Arc::new(InMemoryPassports::new(&Limits::default()));
    let address = runtime.block_on(serve(company, &claims))?;
    let mut kinds = vec![Lineages::none()];
    for entries in [1, 3, 10] {
        kinds.push(runtime.block_on(Lineages::new(company, &claims, entries))?);
    }
    let mut sides = vec![calls(&runtime, address, "/bare", &Lineages::none())?];
    for lineages in &kinds {
        sides.push(calls(&runtime, address, "/new", lineages)?);
        sides.push(calls(&runtime, address, "/known", lineages)?);
    }
    Ok((kinds, race_all(ROUNDS, sides)?))
}

/// Starts the server with one bare route and one behind each kind of inbound layer.
async fn serve(company: &Company, claims: &Arc<InMemoryPassports>) -> Result<SocketAddr, BoxError> {
    let allow_all = || Arc::new(dangerous_allow_all());
    let mut forgetful = Limits::default();
    forgetful.seen_bytes = 0;
    let router = Router::new()
        .route("/bare", get(answer))
        .merge(protected(company, claims, "/new", forgetful, allow_all())?)
        .merge(protected(company, claims, "/known", Limits::default(), allow_all())?);
    listen(router).await
}

/// One route behind an inbound layer of its own.
fn protected(
    company: &Company,
    claims: &Arc<InMemoryPassports>,
    path: &str,
    limits: Limits,
    policy: Arc<dyn Authorize>,
) -> Result<Router, BoxError> {
    let resource = Resource::new("stock/7").with_attributes(r#"{"min_trust": 40}"#)?;
    let operation = Operation::named("call")?.resource(resource);
    let inbound = InboundLayer::builder(Arc::clone(&company.ring))
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .passport_store(Arc::<InMemoryPassports>::clone(claims))
        .limits(limits);
    let layer = OperationLayer::try_shared(company.service(1)?.clone(), operation, policy)?;
    Ok(Router::new().route(path, get(answer)).layer(layer).layer(inbound.try_build()?))
}

pub(crate) async fn listen(router: Router) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

pub(crate) async fn answer() -> &'static str {
    "done"
}

/// What the requests of one side carry.
struct Lineages {
    entries: usize,
    tier: Option<&'static str>,
    headers: Arc<[HeaderMap]>,
}

impl Lineages {
    fn none() -> Self {
        Self { entries: 0, tier: None, headers: vec![HeaderMap::new(); DISTINCT].into() }
    }

    async fn new(
        company: &Company,
        claims: &Arc<InMemoryPassports>,
        entries: usize,
    ) -> Result<Self, BoxError> {
        let passports = company.passports(DISTINCT, entries).await?;
        let tiers = Tiers::auto().store(Arc::<InMemoryPassports>::clone(claims));
        let mut headers = Vec::with_capacity(DISTINCT);
        for passport in &passports {
            headers.push(tiers::write(company, passport, &tiers, &Limits::default()).await?);
        }
        let tier = tiers::chosen(company, passports.first().ok_or("no passport")?).await?;
        Ok(Self { entries, tier: Some(tier.as_str()), headers: headers.into() })
    }
}

pub(crate) type Connection = SendRequest<Empty<Bytes>>;

/// One request with each of `lineages`, spread over the connections.
fn calls<'race>(
    runtime: &'race Runtime,
    address: SocketAddr,
    path: &'static str,
    lineages: &Lineages,
) -> Result<Side<'race>, BoxError> {
    let open = |_| runtime.block_on(connect(address));
    let mut connections: Vec<Connection> = (0..CONNECTIONS).map(open).collect::<Result<_, _>>()?;
    let headers = Arc::clone(&lineages.headers);
    Ok(Side::new(headers.len(), move || {
        let ready = std::mem::take(&mut connections);
        let (took, back) = timed(|| runtime.block_on(lap(ready, address, path, &headers)));
        connections = back?;
        Ok(took)
    }))
}

pub(crate) async fn connect(address: SocketAddr) -> Result<Connection, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn lap(
    connections: Vec<Connection>,
    address: SocketAddr,
    path: &'static str,
    headers: &Arc<[HeaderMap]>,
) -> Result<Vec<Connection>, BoxError> {
    let mut tasks = Vec::with_capacity(connections.len());
    for (place, mut connection) in connections.into_iter().enumerate() {
        let headers = Arc::clone(headers);
        tasks.push(tokio::spawn(async move {
            for headers in headers.iter().skip(place).step_by(CONNECTIONS) {
                call(&mut connection, address, path, headers).await?;
            }
            Ok::<_, BoxError>(connection)
        }));
    }
    let mut back = Vec::with_capacity(tasks.len());
    for task in tasks {
        back.push(task.await??);
    }
    Ok(back)
}

pub(crate) async fn call(
    connection: &mut Connection,
    address: SocketAddr,
    path: &'static str,
    headers: &HeaderMap,
) -> Result<(), BoxError> {
    let mut request = Request::get(path).header(header::HOST, address.to_string()).body(Empty::new())?;
    request.headers_mut().extend(headers.clone());
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    if status == StatusCode::OK { Ok(()) } else { Err(format!("{path} answered {status}").into()) }
}

/// The routes with policies, in the order in which they are named.
const PATHS: [&str; 4] = ["/document", "/remembered", "/cedar", "/rego"];
/// Lineages of each length, and so requests of one lap.
const DISTINCT: usize = 200;
const CONNECTIONS: usize = 4;
const ROUNDS: usize = 60;
