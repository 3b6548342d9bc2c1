//! What an audit log costs: verifying it, and a durable or best-effort record for each operation.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kest::audit::{Durability, JsonLines, Log, LogVerifier};
use kest::core::signature::KeyId;
use kest::core::{Admitter, Audit, BoxError, Verifier};
use kest::{Admission, Ed25519Signer, Limits, Operation, Origin, WorkloadId, dangerous_allow_all};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::report::{Cell, Chapter, Column, Target};
use crate::rig::{Bare, Company};
use crate::stopwatch::{Laps, Side, float, race, timed};

/// Verifying against bare signatures, many callers against one and against the disk, best effort against no log.
pub(crate) fn measure(company: &Company) -> Result<Chapter, BoxError> {
    // On the disk of this program: others may be made of memory.
    let program = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(program.parent().ok_or("no folder of this program")?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut chapter = Chapter {
        title: "What an audit log costs",
        columns: &[
            Column("what", ""),
            Column("ns", "ns"),
            Column("ratio", "ratio"),
            Column("bytes", "peak bytes"),
        ],
        rows: Vec::new(),
        targets: Vec::new(),
        notes: vec![
            "an entry of the log has two records, its signature and its end; its bare check is the signature alone".to_owned(),
            "durable callers wait for the whole admission; a sync is that of 1500 bytes more in a file of the same disk, percentile against percentile".to_owned(),
        ],
    };
    verify(company, &runtime, &folder.path().join("verify"), &mut chapter)?;
    commit(&runtime, folder.path(), &mut chapter)?;
    best_effort(&runtime, &folder.path().join("effort"), &mut chapter)?;
    memory(&mut chapter)?;
    Ok(chapter)
}

/// A service of the company that keeps a log.
fn service(folder: &Path, durability: Durability) -> Result<(Arc<JsonLines>, Admitter), BoxError> {
    let mut limits = Limits::default();
    limits.audit_waiting = WAITING;
    let log = Arc::new(JsonLines::builder(folder, signer()?, durability).limits(limits).open()?);
    let shared: Arc<dyn Audit> = Arc::<JsonLines>::clone(&log);
    Ok((log, Admitter::builder(signer()?).audit(shared).build()))
}

fn signer() -> Result<Arc<Ed25519Signer>, BoxError> {
    let workload = WorkloadId::new("spiffe://example.org/ns/shop/sa/gateway")?;
    Ok(Arc::new(Ed25519Signer::from_seed(workload, KeyId::new("gateway-2026")?, &[1; 32])?))
}

async fn operate(service: &Admitter) -> Result<Admission, BoxError> {
    let operation = Operation::named("reserve_stock")?;
    Ok(service.originate(Origin::system(), &operation, &dangerous_allow_all()).await?)
}

fn verify(
    company: &Company,
    runtime: &Runtime,
    folder: &Path,
    chapter: &mut Chapter,
) -> Result<(), BoxError> {
    let bares: Vec<Bare> = runtime.block_on(async {
        let (log, service) = service(folder, Durability::BestEffort)?;
        let mut bares = Vec::with_capacity(ENTRIES);
        for _entry in 0..ENTRIES {
            bares.push(company.bare(operate(&service).await?.entry())?);
        }
        log.close().await?;
        Ok::<_, BoxError>(bares)
    })?;
    let log = Log::open(folder)?;
    let bare = Side::new(ENTRIES, || {
        let (took, checked) = timed(|| bares.iter().try_for_each(|bare| black_box(bare).verify()));
        checked.map(|()| took)
    });
    let whole = Side::new(ENTRIES, || {
        let verifier = LogVerifier::new(Verifier::new(Limits::default()), &company.ring);
        let (took, report) = timed(|| verifier.verify(&log, |_bytes| ()));
        let report = report?;
        let holds = report.holds() && report.entries() == u64::try_from(ENTRIES)?;
        if holds { Ok(took) } else { Err("the log does not hold".into()) }
    });
    let [bare, whole] = race(VERIFY_ROUNDS, [bare, whole])?;
    let row = |what: &str, laps: &Laps| {
        vec![
            Cell::Text(what.to_owned()),
            Cell::Nanoseconds(laps.least()),
            Cell::Ratio(laps.over(&bare)),
            Cell::Nothing,
        ]
    };
    chapter.rows.extend([row("bare signature check", &bare), row("verify, an entry", &whole)]);
    // Either is enough: a fast machine does 25 000 entries a second with a core.
    let slower = (whole.least() / 40_000.0).min(whole.over(&bare) / 1.2);
    chapter.targets.push(Target {
        what: "verify, of 40 us or 1.2 bare checks",
        measured: slower,
        below: 1.0,
    });
    Ok(())
}

fn commit(runtime: &Runtime, folder: &Path, chapter: &mut Chapter) -> Result<(), BoxError> {
    let (mut alone, mut many, mut syncs) = (Callers::default(), Callers::default(), Vec::new());
    for round in 0..COMMIT_ROUNDS {
        syncs.extend(sync(&folder.join("sync"))?);
        for (callers, measured) in [(1, &mut alone), (MANY, &mut many)] {
            let folder = folder.join(format!("{callers}-{round}"));
            runtime.block_on(measured.measure(&folder, callers))?;
        }
    }
    let sync = |part: usize| percentile(&mut syncs.clone(), part);
    let mut row = |what: String, ns: f64, ratio: f64| {
        chapter.rows.push(vec![Cell::Text(what), Cell::Nanoseconds(ns), Cell::Ratio(ratio), Cell::Nothing]);
    };
    let times = alone.pace() / many.pace();
    row("one caller, durable".to_owned(), alone.pace(), 1.0);
    row(format!("{MANY} callers, durable: times as many"), many.pace(), times);
    for part in [50, 99] {
        let waits = many.wait(part);
        row(format!("a sync, p{part}"), sync(part), 1.0);
        row(format!("{MANY} callers, p{part}, in syncs"), waits, waits / sync(part));
    }
    let what = "20 / (64 callers over one)";
    chapter.targets.push(Target { what, measured: 20.0 / times, below: 1.0 });
    let measured = many.wait(99) / sync(99);
    chapter.targets.push(Target { what: "p99 of 64 callers, in syncs", measured, below: 2.0 });
    Ok(())
}

/// How long callers waited, and how many were served in which time.
#[derive(Debug, Default)]
struct Callers {
    waits: Vec<f64>,
    took: Duration,
}

impl Callers {
    async fn measure(&mut self, folder: &Path, callers: usize) -> Result<(), BoxError> {
        let (log, service) = service(folder, Durability::Required)?;
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _caller in 0..callers {
            let service = service.clone();
            tasks.spawn(async move {
                let mut waits = Vec::new();
                while start.elapsed() < COMMIT_TIME {
                    let (asked, admitted) = (Instant::now(), operate(&service).await?);
                    waits.push(asked.elapsed().as_secs_f64() * 1e9);
                    drop(admitted);
                }
                Ok::<_, BoxError>(waits)
            });
        }
        while let Some(waits) = tasks.join_next().await {
            self.waits.extend(waits??);
        }
        self.took += start.elapsed();
        Ok(log.close().await?)
    }

    /// Nanoseconds from one that was served to the next.
    fn pace(&self) -> f64 {
        self.took.as_secs_f64() * 1e9 / float(self.waits.len())
    }

    fn wait(&self, part: usize) -> f64 {
        percentile(&mut self.waits.clone(), part)
    }
}

/// How long syncs of a file take that grew by a record.
fn sync(path: &Path) -> Result<Vec<f64>, BoxError> {
    let mut file = File::create(path)?;
    let mut took = Vec::with_capacity(SYNCS);
    for _sync in 0..SYNCS {
        file.write_all(&[b'x'; 1500])?;
        let (time, synced) = timed(|| file.sync_data());
        synced?;
        took.push(time.as_secs_f64() * 1e9);
    }
    Ok(took)
}

fn percentile(numbers: &mut [f64], part: usize) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() * part / 100).copied().unwrap_or(f64::NAN)
}

fn best_effort(runtime: &Runtime, folder: &Path, chapter: &mut Chapter) -> Result<(), BoxError> {
    let (log, with) = runtime.block_on(async { service(folder, Durability::BestEffort) })?;
    let without = Admitter::builder(signer()?).build();
    let side = |service: Admitter| {
        Side::new(REQUESTS, move || {
            let (took, done) = timed(|| {
                runtime.block_on(async {
                    for _request in 0..REQUESTS {
                        black_box(operate(&service).await?);
                    }
                    Ok(())
                })
            });
            done.map(|()| took)
        })
    };
    let [without, with] = race(REQUEST_ROUNDS, [side(without), side(with)])?;
    runtime.block_on(log.close())?;
    let added = with.least() - without.least();
    let row = |what: &str, ns: f64, ratio: f64| {
        vec![Cell::Text(what.to_owned()), Cell::Nanoseconds(ns), Cell::Ratio(ratio), Cell::Nothing]
    };
    chapter.rows.push(row("an operation without a log", without.least(), 1.0));
    chapter.rows.push(row("an operation, best effort", with.least(), with.over(&without)));
    let what = "microseconds that best effort adds";
    chapter.targets.push(Target { what, measured: added / 1000.0, below: 3.0 });
    Ok(())
}

/// Starts `kest-bench-log`, which `cargo xtask bench` built beside this program.
fn memory(chapter: &mut Chapter) -> Result<(), BoxError> {
    let name = format!("kest-bench-log{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.exists() {
        let note = "memory was not measured: start with cargo xtask bench, which builds kest-bench-log";
        chapter.notes.push(note.to_owned());
        return Ok(());
    }
    let output = Command::new(program).output()?;
    if !output.status.success() {
        return Err(format!("kest-bench-log failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let found: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let number = |row: &Value, name: &str| {
        row.get(name).and_then(Value::as_u64).ok_or_else(|| format!("no {name} was measured"))
    };
    let mut peaks = Vec::new();
    for row in &found {
        let (records, peak) = (number(row, "records")?, number(row, "peak_bytes")?);
        peaks.push(float(usize::try_from(peak)?));
        chapter.rows.push(vec![
            Cell::Text(format!("verify, {records} records")),
            Cell::Nothing,
            Cell::Nothing,
            Cell::Count(usize::try_from(peak)?),
        ]);
    }
    if let [least, .., most] = peaks.as_slice() {
        let what = "memory of 1 000 000 records over that of 10 000";
        chapter.targets.push(Target { what, measured: most / least, below: 1.1 });
    }
    Ok(())
}

const ENTRIES: usize = 2_000;
const VERIFY_ROUNDS: usize = 12;
const MANY: usize = 64;
const COMMIT_ROUNDS: usize = 5;
const COMMIT_TIME: Duration = Duration::from_millis(500);
const SYNCS: usize = 100;
const REQUESTS: usize = 200;
const REQUEST_ROUNDS: usize = 60;
const WAITING: usize = 1 << 20;
