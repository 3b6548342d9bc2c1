//! A writer that was killed in mid write, and the next one after it.

use std::sync::Arc;

use kest_audit::{Durability, JsonLines, Log, Record, State};

use crate::rig::{Rig, begin, files, kinds, operate, patient, signer, verify};

/// The power is lost in mid write: a line lies there without its end.
#[tokio::test]
async fn torn_write_is_named_by_the_next_writer_and_is_no_gap() {
    let rig = Rig::new();
    operate(&rig.service, "step").await;
    rig.log.close().await.unwrap();
    // As a crash would have left it: without its last two records, and with half of one.
    let file = files(rig.path()).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let whole = lines.iter().position(|line| line.contains("{\"end\"")).unwrap();
    let torn = lines[whole].get(..40).unwrap();
    std::fs::write(&file, lines[..whole].join("\n") + "\n" + torn).unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!((report.writers[0].state, report.writers[0].torn), (State::Crashed, 40));

    let (next, service) = begin(rig.path(), Durability::Required, u64::MAX);
    operate(&service, "after").await;
    next.close().await.unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    let log = Log::open(rig.path()).unwrap();
    let second = log.writers().nth(1).unwrap();
    let start = log.lines_of(second).next().unwrap().unwrap();
    let Record::Start(start) = start.read().unwrap().record else { panic!("no start") };
    assert_eq!((start.before[0].state.as_ref(), start.before[0].torn), ("crashed", 40));
    assert_eq!(start.before[0].seq, u64::try_from(whole).unwrap() - 1);

    // Attack: a torn line, and records behind it.
    std::fs::write(&file, lines[..whole].join("\n") + "\n" + torn + "\n" + lines[whole] + "\n").unwrap();
    assert!(!verify(rig.path()).holds());
}

/// Attack: all records are taken out of a log, and it is called complete. A writer that was killed as it began leaves the same.
#[tokio::test]
async fn log_whose_files_have_no_record_is_not_complete() {
    let rig = Rig::new();
    operate(&rig.service, "step").await;
    rig.log.close().await.unwrap();
    let text = std::fs::read(&files(rig.path())[0]).unwrap();
    for left in [0, 40] {
        std::fs::write(&files(rig.path())[0], &text[..left]).unwrap();
        let report = verify(rig.path());
        assert!(!report.holds(), "{left} bytes");
        assert_eq!((report.writers[0].answer.as_str(), report.fault_count), ("empty", 0));
    }
    // Beside another it is no fault, unless that one saw a record of it.
    let (next, _service) = begin(rig.path(), Durability::Required, u64::MAX);
    next.close().await.unwrap();
    let report = verify(rig.path());
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.writers.iter().map(|it| it.answer.as_str()).collect::<Vec<_>>(), ["empty", "complete"]);
    std::fs::write(&files(rig.path())[0], &text).unwrap();
    let (last, _service) = begin(rig.path(), Durability::Required, u64::MAX);
    last.close().await.unwrap();
    std::fs::write(&files(rig.path())[0], "").unwrap();
    assert_eq!(kinds(&verify(rig.path())), ["truncated"]);
}

/// Attack: more refusals than one second may write.
#[tokio::test]
async fn refusals_over_the_limit_are_counted_and_the_count_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = kest_core::Limits::default();
    limits.audit_refusals_a_second = 2;
    let builder = JsonLines::builder(folder.path(), signer("cart"), Durability::BestEffort);
    let clock = Arc::new(StandingClock);
    let log = Arc::new(builder.limits(limits).clock(clock).open().unwrap());
    let service = kest_core::Admitter::builder(signer("cart"));
    let shared: Arc<dyn kest_core::Audit> = Arc::<JsonLines>::clone(&log);
    let service = service.audit(shared).build();
    let never = kest_core::policy::policy_fn("never", |_| false).unwrap();
    let operation = kest_core::Operation::named("no").unwrap();
    for _refusal in 0..10 {
        let origin = kest_core::trust::Origin::system();
        service.originate(origin, &operation, &never).await.unwrap_err();
    }
    log.close().await.unwrap();
    let report = verify(folder.path());
    assert!(kinds(&report).is_empty());
    assert_eq!(report.writers[0].lost, 8);
}

/// Attack: more operations than may wait, so that what is done leaves no trace.
#[tokio::test]
async fn best_effort_counts_the_operations_that_it_loses_and_records_the_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = kest_core::Limits::default();
    limits.audit_waiting = 0;
    let builder = JsonLines::builder(folder.path(), signer("cart"), Durability::BestEffort);
    let log = Arc::new(builder.limits(limits).open().unwrap());
    let shared: Arc<dyn kest_core::Audit> = Arc::<JsonLines>::clone(&log);
    let service = kest_core::Admitter::builder(signer("cart")).audit(shared).build();
    for _operation in 0..3 {
        drop(operate(&service, "step").await);
    }
    log.close().await.unwrap();
    let lines: Vec<_> = Log::open(folder.path()).unwrap().lines().map(|line| line.unwrap()).collect();
    let lost = lines.iter().filter_map(|line| {
        let Record::Lost { finished, refused, signed } = line.read().unwrap().record else { return None };
        Some((finished, refused, signed))
    });
    assert_eq!(lost.collect::<Vec<_>>(), [(3, 0, 3)]);
}

/// Attack: what the log asks panics, and operations go on unrecorded, or wait for it for ever.
#[tokio::test]
async fn log_whose_thread_is_gone_refuses_at_once_and_can_be_closed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(BreakingClock::default());
    let shared_clock: Arc<dyn kest_core::Clock> = Arc::<BreakingClock>::clone(&clock);
    let builder = JsonLines::builder(folder.path(), signer("cart"), Durability::Required);
    let log = Arc::new(builder.limits(patient()).clock(shared_clock).open().unwrap());
    let shared: Arc<dyn kest_core::Audit> = Arc::<JsonLines>::clone(&log);
    let service = kest_core::Admitter::builder(signer("cart")).audit(shared).build();
    drop(operate(&service, "step").await);
    clock.0.store(true, std::sync::atomic::Ordering::Relaxed);
    let operation = kest_core::Operation::named("late").unwrap();
    let origin = kest_core::trust::Origin::system;
    let policy = kest_core::policy::dangerous_allow_all();
    for _try in 0..2 {
        let refused = service.originate(origin(), &operation, &policy).await.unwrap_err();
        assert_eq!(refused.cause(), Some("closed"));
    }
    assert_eq!(log.close().await.unwrap_err().kind(), "closed");
}

/// Panics under the writer when it is told to.
#[derive(Debug, Default)]
struct BreakingClock(std::sync::atomic::AtomicBool);

impl kest_core::Clock for BreakingClock {
    fn now(&self) -> std::time::SystemTime {
        let writes = std::thread::current().name() == Some("kest-audit");
        assert!(!(writes && self.0.load(std::sync::atomic::Ordering::Relaxed)), "as clocks do not");
        std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)
    }
}

/// All refusals come within one second of it.
#[derive(Debug)]
struct StandingClock;

impl kest_core::Clock for StandingClock {
    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)
    }
}
