//! A writer that was killed in mid write, and the next one after it.

use kest_audit::{Durability, Log, Record, State};

use crate::rig::{Rig, begin, files, kinds, operate, verify};

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

/// Attack: the folder is gone, so that what is done leaves no trace.
#[tokio::test]
async fn best_effort_counts_what_it_loses_and_records_the_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = kest_core::Limits::default();
    limits.audit_refusals_a_second = 2;
    let builder =
        kest_audit::JsonLines::builder(folder.path(), crate::rig::signer("cart"), Durability::BestEffort);
    let clock = std::sync::Arc::new(StandingClock);
    let log = std::sync::Arc::new(builder.limits(limits).clock(clock).open().unwrap());
    let service = kest_core::Admitter::builder(crate::rig::signer("cart"));
    let shared: std::sync::Arc<dyn kest_core::Audit> = std::sync::Arc::<kest_audit::JsonLines>::clone(&log);
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

/// All refusals come within one second of it.
#[derive(Debug)]
struct StandingClock;

impl kest_core::Clock for StandingClock {
    fn now(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)
    }
}
