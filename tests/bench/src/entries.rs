//! One entry against the bare signature, and many entries against one.

use std::hint::black_box;

use kest::core::passport::SeenEntries;
use kest::core::{AdmitOptions, BoxError};
use kest::{Arrival, Limits, Operation, Origin, Passport, UnverifiedPassport, Verifier, dangerous_allow_all};
use tokio::runtime::Runtime;

use crate::report::{Cell, Chapter, Column, Target};
use crate::rig::{Bare, Company};
use crate::stopwatch::{Laps, Side, race, race_all, timed};

/// Signing and verifying one entry, held against Ed25519 over the same bytes.
pub(crate) fn one(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let compared = compare(company, runtime)?;
    Ok(Chapter {
        title: "One entry: the rest of our work, in Ed25519 operations over the same bytes",
        columns: &[
            Column("what", ""),
            Column("rest_ratio", "rest/bare"),
            Column("whole_ns", "whole ns"),
            Column("bare_ns", "bare ns"),
            Column("entry_bytes", "entry bytes"),
        ],
        rows: compared.iter().map(Compared::row).collect(),
        targets: compared.iter().map(Compared::target).collect(),
        notes: vec![
            "here and below: ratios are medians over all rounds, times are those of the least disturbed round".to_owned(),
            "all entries are distinct, none is remembered".to_owned(),
        ],
    })
}

/// All of our work beside the signature alone.
struct Compared {
    what: &'static str,
    entry_bytes: usize,
    whole: Laps,
    bare: Laps,
}

impl Compared {
    fn rest(&self) -> f64 {
        self.whole.over(&self.bare) - 1.0
    }

    fn row(&self) -> Vec<Cell> {
        vec![
            Cell::Text(self.what.to_owned()),
            Cell::Ratio(self.rest()),
            Cell::Nanoseconds(self.whole.least()),
            Cell::Nanoseconds(self.bare.least()),
            Cell::Count(self.entry_bytes),
        ]
    }

    fn target(&self) -> Target {
        Target { what: self.what, measured: self.rest(), below: 0.5 }
    }
}

fn compare(company: &Company, runtime: &Runtime) -> Result<[Compared; 4], BoxError> {
    let lineages = |hops| runtime.block_on(company.passports(DISTINCT, hops));
    let (roots, before, after) = (lineages(1)?, lineages(3)?, lineages(4)?);
    let (root_bare, after_bare) = (tips_of(company, &roots)?, tips_of(company, &after)?);
    let verifier = Verifier::new(Limits::default());
    let sides = [
        sign(&root_bare),
        admit(company, runtime, vec![company.arrival(None); DISTINCT], 0)?,
        sign(&after_bare),
        admit(company, runtime, before.iter().map(|it| company.arrival(Some(it))).collect(), 3)?,
        check(&root_bare),
        verify(company, verifier.clone(), &roots)?,
        read_and_verify(company, verifier, &roots),
    ];
    let [sign_root, admit_root, sign_next, admit_next, check, verify, read] = race(ROUNDS, sides)?;
    let (root, next) = (longest(&roots), longest(&after));
    let compared = |what, entry_bytes, whole, bare| Compared { what, entry_bytes, whole, bare };
    Ok([
        compared("admit and sign a root", root, admit_root, sign_root),
        compared("admit and sign a 4th entry", next, admit_next, sign_next),
        compared("verify an entry", root, verify, check.clone()),
        compared("read its json, then verify", root, read, check),
    ])
}

/// Verifying longer and longer lineages, unknown and remembered.
pub(crate) fn many(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let laps = race_lengths(company, runtime)?;
    let first = laps.first().ok_or("nothing was measured")?;
    let rows = LENGTHS.into_iter().zip(laps.chunks_exact(2)).flat_map(|((entries, _), laps)| {
        let [new, known] = laps else { return None };
        Some(vec![
            Cell::Count(entries),
            Cell::Ratio(new.over(first)),
            Cell::Ratio(known.over(new)),
            Cell::Nanoseconds(new.least()),
            Cell::Nanoseconds(known.least()),
        ])
    });
    let worst = laps.iter().step_by(2).map(|laps| laps.over(first)).fold(0.0, f64::max);
    Ok(Chapter {
        title: "Many entries: verifying, per entry",
        columns: &[
            Column("entries", "entries"),
            Column("ratio_to_one", "of 1 entry"),
            Column("remembered_ratio", "remembered/new"),
            Column("new_ns", "new ns"),
            Column("remembered_ns", "remembered ns"),
        ],
        rows: rows.collect(),
        targets: vec![Target { what: "an entry of many / a single one", measured: worst, below: 1.25 }],
        notes: Vec::new(),
    })
}

/// For each length, entries that are new and entries that are remembered.
fn race_lengths(company: &Company, runtime: &Runtime) -> Result<Vec<Laps>, BoxError> {
    let limits = lifted();
    let new = Verifier::new(limits.clone());
    let knowing = new.clone().remember(SeenEntries::new(&limits));
    let mut sides = Vec::new();
    for (hops, count) in LENGTHS {
        let passports = runtime.block_on(company.passports(count, hops))?;
        sides.push(verify(company, new.clone(), &passports)?);
        sides.push(verify(company, knowing.clone(), &passports)?);
    }
    race_all(ROUNDS / 4, sides)
}

/// Bounds under which a thousand entries are a passport.
fn lifted() -> Limits {
    let mut limits = Limits::default();
    limits.passport_bytes = 4 * 1024 * 1024;
    limits
}

/// Bytes of the longest last entry.
fn longest(passports: &[Passport]) -> usize {
    let last = passports.iter().filter_map(|passport| passport.entries().last());
    last.map(|entry| entry.compact().len()).max().unwrap_or(0)
}

/// The bare operations behind the last entry of each.
pub(crate) fn tips_of(company: &Company, passports: &[Passport]) -> Result<Vec<Bare>, BoxError> {
    let last = |passport: &Passport| company.bare(passport.entries().last().ok_or("a passport is empty")?);
    passports.iter().map(last).collect()
}

fn sign(bare: &[Bare]) -> Side<'_> {
    Side::new(bare.len(), move || {
        let (took, ()) = timed(|| {
            for bare in bare {
                black_box(bare.sign());
            }
        });
        Ok(took)
    })
}

pub(crate) fn check(bare: &[Bare]) -> Side<'_> {
    Side::new(bare.len(), move || {
        let (took, held) = timed(|| bare.iter().try_for_each(Bare::verify));
        held.map(|()| took)
    })
}

fn admit<'race>(
    company: &'race Company,
    runtime: &'race Runtime,
    arrivals: Vec<Arrival>,
    hop: usize,
) -> Result<Side<'race>, BoxError> {
    let kest = company.service(hop)?;
    let operation = Operation::named(format!("operation_{hop}"))?;
    let options = AdmitOptions::default().with_root_origin(Origin::system());
    let policy = dangerous_allow_all();
    Ok(Side::new(arrivals.len(), move || {
        let (took, admitted) = timed(|| {
            runtime.block_on(async {
                for arrival in &arrivals {
                    black_box(kest.admit(arrival, &operation, &policy, options.clone()).await?);
                }
                Ok(())
            })
        });
        admitted.map(|()| took)
    }))
}

fn verify<'race>(
    company: &'race Company,
    verifier: Verifier,
    passports: &[Passport],
) -> Result<Side<'race>, BoxError> {
    let limits = lifted();
    let carried = |passport: &Passport| {
        UnverifiedPassport::from_json(passport.to_json().as_bytes(), passport.tips(), &limits)
    };
    let carried = passports.iter().map(carried).collect::<Result<Vec<_>, _>>()?;
    let entries = passports.iter().map(Passport::len).sum();
    Ok(Side::new(entries, move || {
        let fresh = carried.clone();
        let (took, verified) = timed(|| {
            fresh.into_iter().try_for_each(|carried| verifier.verify(carried, &company.ring).map(drop))
        });
        Ok(verified.map(|()| took)?)
    }))
}

fn read_and_verify<'race>(
    company: &'race Company,
    verifier: Verifier,
    passports: &[Passport],
) -> Side<'race> {
    let carried: Vec<_> = passports.iter().map(|it| (it.to_json(), it.tips())).collect();
    let limits = Limits::default();
    Side::new(carried.len(), move || {
        let tips: Vec<_> = carried.iter().map(|(_, tips)| Some(tips.clone())).collect();
        let (took, verified) = timed(|| -> Result<(), BoxError> {
            for ((json, _), tips) in carried.iter().zip(tips) {
                let carried = UnverifiedPassport::dangerous_from_json(json.as_bytes(), tips, &limits)?;
                black_box(verifier.verify(carried, &company.ring)?);
            }
            Ok(())
        });
        verified.map(|()| took)
    })
}

/// Lineages that one lap goes through.
const DISTINCT: usize = 64;
const ROUNDS: usize = 240;
/// Entries of a lineage, and lineages that one lap goes through.
const LENGTHS: [(usize, usize); 4] = [(1, DISTINCT), (10, DISTINCT), (100, 8), (1000, 1)];
