//! What it costs to pack and to restore a passport in each tier, and where each tier ends.

use std::hint::black_box;
use std::sync::Arc;

use http::HeaderMap;
use kest::baggage::{HeaderReader, Tier, Tiers, pack, restore};
use kest::core::BoxError;
use kest::{InMemoryPassports, Limits, OsRandom, Passport};
use tokio::runtime::Runtime;

use crate::entries;
use crate::report::{Cell, Chapter, Column};
use crate::rig::Company;
use crate::stopwatch::{Laps, Side, float, race, timed};

/// Packing and restoring by hop count and tier, in Ed25519 verifications.
pub(crate) fn measure(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let mut rows = Vec::new();
    for hops in [1, 2, 3, 5, 8, 12, 20, 60] {
        rows.extend(rows_of(company, runtime, hops)?);
    }
    Ok(Chapter {
        title: "Tiers: packing and restoring a whole passport, in Ed25519 verifications of one entry",
        columns: &[
            Column("hops", "hops"),
            Column("tier", "tier"),
            Column("chosen", "chosen"),
            Column("member_bytes", "member bytes"),
            Column("deflate_ratio", "deflated"),
            Column("pack_ratio", "pack/verify"),
            Column("restore_ratio", "restore/verify"),
            Column("pack_ns", "pack ns"),
            Column("restore_ns", "restore ns"),
        ],
        rows,
        targets: Vec::new(),
        notes: vec![
            "chosen: by a service with a passport store and nothing configured; deflated: bytes of json per byte of zlib"
                .to_owned(),
            "packing includes writing the header, restoring includes reading it".to_owned(),
        ],
    })
}

/// The first hop count that each tier is too small for.
pub(crate) fn ends(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let mut rows = Vec::new();
    for tier in [Tier::Inline, Tier::Compressed] {
        let hops = runtime.block_on(end(company, tier))?;
        rows.push(vec![Cell::Text(tier.to_string()), Cell::Count(hops)]);
    }
    Ok(Chapter {
        title: "Tiers: the first hop count that no longer fits the 4096 bytes of a member",
        columns: &[Column("tier", "tier"), Column("ends_at_hop", "ends at hop")],
        rows,
        targets: Vec::new(),
        notes: Vec::new(),
    })
}

fn rows_of(company: &Company, runtime: &Runtime, hops: usize) -> Result<Vec<Vec<Cell>>, BoxError> {
    let passports = runtime.block_on(company.passports(DISTINCT, hops))?;
    let bare = entries::tips_of(company, &passports)?;
    let route = |tier| Route { company, runtime, tier };
    let (inline, compressed, claim) = (route(Tier::Inline), route(Tier::Compressed), route(Tier::ClaimCheck));
    let [check, pack_i, restore_i, pack_z, restore_z, pack_c, restore_c] = race(
        ROUNDS,
        [
            entries::check(&bare),
            inline.pack(&passports),
            inline.restore(&passports)?,
            compressed.pack(&passports),
            compressed.restore(&passports)?,
            claim.pack(&passports),
            claim.restore(&passports)?,
        ],
    )?;
    let passport = passports.first().ok_or("no passport")?;
    let chosen = runtime.block_on(chosen(company, passport))?;
    let measured = [(inline, pack_i, restore_i), (compressed, pack_z, restore_z), (claim, pack_c, restore_c)];
    measured
        .iter()
        .map(|(route, pack, restore)| row(route, passport, chosen, [pack, restore, &check]))
        .collect()
}

fn row(
    route: &Route<'_>,
    passport: &Passport,
    chosen: Tier,
    [pack, restore, check]: [&Laps; 3],
) -> Result<Vec<Cell>, BoxError> {
    let member = member_bytes(&route.headers(passport, &store())?)?;
    let zlib_bytes = float(member.saturating_sub("kest.passport_z=".len())) * 0.75;
    Ok(vec![
        Cell::Count(passport.len()),
        Cell::Text(route.tier.to_string()),
        if route.tier == chosen { Cell::Text("yes".to_owned()) } else { Cell::Nothing },
        Cell::Count(member),
        match route.tier {
            Tier::Compressed => Cell::Ratio(float(passport.to_json().len()) / zlib_bytes),
            Tier::Inline | Tier::ClaimCheck => Cell::Nothing,
        },
        Cell::Ratio(pack.over(check)),
        Cell::Ratio(restore.over(check)),
        Cell::Nanoseconds(pack.least()),
        Cell::Nanoseconds(restore.least()),
    ])
}

/// One tier, whatever the length.
struct Route<'race> {
    company: &'race Company,
    runtime: &'race Runtime,
    tier: Tier,
}

impl<'race> Route<'race> {
    fn tiers(&self, store: &Arc<InMemoryPassports>) -> Tiers {
        match self.tier {
            Tier::Inline => Tiers::auto().threshold(usize::MAX),
            Tier::Compressed => Tiers::compressed_always().threshold(usize::MAX),
            Tier::ClaimCheck => Tiers::auto().threshold(0).store(Arc::<InMemoryPassports>::clone(store)),
        }
    }

    fn headers(&self, passport: &Passport, store: &Arc<InMemoryPassports>) -> Result<HeaderMap, BoxError> {
        self.runtime.block_on(write(self.company, passport, &self.tiers(store), &wide()))
    }

    fn pack(&self, passports: &'race [Passport]) -> Side<'race> {
        let (company, runtime, limits) = (self.company, self.runtime, wide());
        let route = Route { tier: self.tier, ..*self };
        Side::new(passports.len(), move || {
            let tiers = route.tiers(&store());
            let (took, packed) = timed(|| {
                runtime.block_on(async {
                    for passport in passports {
                        black_box(write(company, passport, &tiers, &limits).await?);
                    }
                    Ok(())
                })
            });
            packed.map(|()| took)
        })
    }

    fn restore(&self, passports: &[Passport]) -> Result<Side<'race>, BoxError> {
        let (runtime, limits, store) = (self.runtime, wide(), store());
        let headers: Vec<_> =
            passports.iter().map(|it| self.headers(it, &store)).collect::<Result<_, _>>()?;
        let reader = HeaderReader::new(limits.clone());
        Ok(Side::new(headers.len(), move || {
            let (took, restored) = timed(|| {
                runtime.block_on(async {
                    for headers in &headers {
                        let packed = reader.read_headers(headers)?;
                        black_box(restore(packed, Some(store.as_ref()), &limits).await?);
                    }
                    Ok(())
                })
            });
            restored.map(|()| took)
        }))
    }
}

/// The headers of a request that carries `passport`.
pub(crate) async fn write(
    company: &Company,
    passport: &Passport,
    tiers: &Tiers,
    limits: &Limits,
) -> Result<HeaderMap, BoxError> {
    let mut headers = HeaderMap::new();
    pack(passport, company.caller.identity(), tiers, &OsRandom, limits)
        .await?
        .inject(&mut headers, limits)?;
    Ok(headers)
}

/// The tier that a service with a passport store chooses when nothing is configured.
pub(crate) async fn chosen(company: &Company, passport: &Passport) -> Result<Tier, BoxError> {
    let tiers = Tiers::auto().store(store());
    let packed = pack(passport, company.caller.identity(), &tiers, &OsRandom, &Limits::default()).await?;
    packed.tier().ok_or_else(|| "an empty passport".into())
}

async fn end(company: &Company, tier: Tier) -> Result<usize, BoxError> {
    for hops in 1.. {
        if chosen(company, company.lineage(hops).await?.passport()).await? > tier {
            return Ok(hops);
        }
    }
    Err("a tier without end".into())
}

/// Bytes of the member that the threshold is about: the first, name and value.
fn member_bytes(headers: &HeaderMap) -> Result<usize, BoxError> {
    let header = headers.get("baggage").ok_or("no baggage")?;
    header.as_bytes().split(|byte| *byte == b',').next().map(<[u8]>::len).ok_or_else(|| "no member".into())
}

fn store() -> Arc<InMemoryPassports> {
    Arc::new(InMemoryPassports::new(&Limits::default()))
}

/// Bounds under which every tier takes every length that is measured.
fn wide() -> Limits {
    let mut limits = Limits::default();
    limits.header_bytes = 1 << 20;
    limits.outgoing_header_bytes = 1 << 20;
    limits
}

/// Lineages that one lap goes through.
const DISTINCT: usize = 16;
const ROUNDS: usize = 60;
