//! What a hop costs whose passport travels as a claim check through a real Redis, against the same hop inline.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use kest::baggage::{Audience, HeaderReader, PassportStores, Sealing, SealingKey, Tier, Tiers, pack};
use kest::core::passport::SeenEntries;
use kest::core::signature::KeyId;
use kest::core::{AdmitOptions, BoxError};
use kest::redis::{Redis, RedisBuilder};
use kest::{
    InMemoryPassports, Limits, Operation, OsRandom, Passport, PassportStore, Verifier, dangerous_allow_all,
};
use kest_servers::redis::RedisServer;
use tokio::runtime::Runtime;

use crate::report::{Cell, Chapter, Column};
use crate::rig::Company;
use crate::stopwatch::{Laps, Side, float, race_all, timed};

/// The hop by length of the lineage and by way of carrying it.
pub(crate) fn measure(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let server = runtime.block_on(RedisServer::start());
    let redis = runtime.block_on(patient(server.url()).connect())?;
    let mut rows = Vec::new();
    let mut shortest: Option<Vec<Laps>> = None;
    for entries in LENGTHS {
        let laps = race_ways(company, runtime, &redis, entries)?;
        let first = shortest.get_or_insert_with(|| laps.clone());
        rows.extend(rows_of(entries, &laps, first)?);
    }
    Ok(Chapter {
        title: "Claim checks through Redis: a whole hop (pack, write, read, restore, verify, admit), against the same hop inline",
        columns: &[
            Column("entries", "entries"),
            Column("way", "carried"),
            Column("ratio", "claim/inline"),
            Column("growth", "x its 10"),
            Column("ns_an_entry", "ns an entry"),
            Column("hop_ns", "hop ns"),
        ],
        rows,
        targets: Vec::new(),
        notes: vec![
            "all entries but the newest were verified before; limits of the header are lifted so that inline fits".to_owned(),
            format!("{DISTINCT} distinct lineages, one hop at a time: client, service and loopback share the machine"),
        ],
    })
}

fn rows_of(entries: usize, laps: &[Laps], shortest: &[Laps]) -> Result<Vec<Vec<Cell>>, BoxError> {
    let inline = laps.first().ok_or("nothing was measured")?;
    let row = |((way, laps), first): ((&str, &Laps), &Laps)| {
        vec![
            Cell::Count(entries),
            Cell::Text(way.to_owned()),
            Cell::Ratio(laps.over(inline)),
            Cell::Ratio(laps.least() / first.least()),
            Cell::Nanoseconds(laps.least() / float(entries)),
            Cell::Nanoseconds(laps.least()),
        ]
    };
    Ok(WAYS.into_iter().zip(laps).zip(shortest).map(row).collect())
}

/// The ways of [`WAYS`], in that order.
fn race_ways(
    company: &Company,
    runtime: &Runtime,
    redis: &Redis,
    entries: usize,
) -> Result<Vec<Laps>, BoxError> {
    let passports = runtime.block_on(company.passports(DISTINCT, entries))?;
    let limits = lifted();
    let key = SealingKey::generate(KeyId::new("bench")?, &OsRandom)?;
    let stored: Arc<dyn PassportStore> = Arc::new(redis.passports());
    let carried = [
        (Tier::Inline, PassportStores::plain(Arc::new(InMemoryPassports::new(&limits)))),
        (Tier::ClaimCheck, PassportStores::plain(Arc::new(InMemoryPassports::new(&limits)))),
        (Tier::ClaimCheck, PassportStores::plain(Arc::clone(&stored))),
        (Tier::ClaimCheck, PassportStores::sealed(stored, Sealing::new(key, Audience::new("bench")?))),
    ];
    let hops = carried.map(|(tier, claims)| Hop { company, tier, claims, limits: limits.clone() });
    race_all(ROUNDS, hops.iter().map(|hop| hop.side(runtime, &passports)).collect())
}

/// One way of carrying, between the same two services.
struct Hop<'race> {
    company: &'race Company,
    tier: Tier,
    claims: PassportStores,
    limits: Limits,
}

impl Hop<'_> {
    fn side<'race>(&'race self, runtime: &'race Runtime, passports: &'race [Passport]) -> Side<'race> {
        let seen = SeenEntries::new(&self.limits);
        let verifier = Verifier::new(self.limits.clone()).remember(seen);
        Side::new(passports.len(), move || {
            let (took, done) = timed(|| {
                runtime.block_on(async {
                    for passport in passports {
                        self.go(passport, &verifier).await?;
                    }
                    Ok::<_, BoxError>(())
                })
            });
            done.map(|()| took)
        })
    }

    async fn go(&self, passport: &Passport, verifier: &Verifier) -> Result<(), BoxError> {
        let room = if self.tier == Tier::Inline { usize::MAX } else { 0 };
        let tiers = Tiers::auto().threshold(room).store(self.claims.clone());
        let identity = self.company.caller.identity();
        let header = pack(passport, identity, &tiers, &OsRandom, &self.limits).await?;
        if header.tier() != Some(self.tier) {
            return Err("another tier was chosen".into());
        }
        let mut headers = HeaderMap::new();
        header.inject(&mut headers, &self.limits)?;
        let packed = HeaderReader::new(self.limits.clone()).read_headers(&headers)?;
        let restored = self.claims.restore(packed, &self.limits).await?;
        let carried = restored.passport().ok_or("no passport came")?;
        let proved = verifier.verify(carried, &self.company.ring)?;
        let service = self.company.service(proved.len())?;
        let arrival = self.company.arrival(Some(&proved));
        let operation = Operation::named("hop")?;
        service.admit(&arrival, &operation, &dangerous_allow_all(), AdmitOptions::default()).await?;
        Ok(())
    }
}

/// A store that is not given up while this one thread does something else for a while, and takes what [`lifted`] allows.
fn patient(url: impl Into<String>) -> RedisBuilder {
    Redis::builder(url)
        .connect_timeout(PATIENCE)
        .command_timeout(PATIENCE)
        .queue_timeout(PATIENCE)
        .check_every(Duration::from_secs(3600))
        .value_bytes(16 * 1024 * 1024)
}

/// Bounds under which a thousand entries fit a header, and a store that is slow for a moment fails no measurement.
fn lifted() -> Limits {
    let mut limits = Limits::default();
    limits.header_bytes = 16 * 1024 * 1024;
    limits.outgoing_header_bytes = limits.header_bytes;
    limits.passport_bytes = 4 * 1024 * 1024;
    limits.passport_store_bytes = 1024 * 1024 * 1024;
    limits.passport_store_wait = 2 * PATIENCE;
    limits.seen_bytes = 512 * 1024 * 1024;
    limits
}

/// Longer than a machine that others use too stands still.
const PATIENCE: Duration = Duration::from_secs(5);
/// The ways of carrying, inline first.
const WAYS: [&str; 4] = ["inline", "claim, in memory", "claim, redis plain", "claim, redis sealed"];
const LENGTHS: [usize; 5] = [10, 30, 100, 300, 1000];
const DISTINCT: usize = 8;
const ROUNDS: usize = 12;
