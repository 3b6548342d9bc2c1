//! A disk that takes no more, in a process of its own.

use std::process::Command;

use kest_core::Operation;
use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_telemetry::{Exporter, export};
use kest_testkit::TestKest;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tracing_subscriber::layer::SubscriberExt as _;

const ROLE: &str = "KEST_TELEMETRY_TEST_FULL_DISK";

/// Files may have 256 KiB each: the process hears of that as of a full disk.
#[test]
fn full_disk_loses_spans_which_are_counted_and_operations_go_on() {
    if let Some(path) = std::env::var_os(ROLE) {
        return write_until_full(&path);
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"trap "" XFSZ; ulimit -f 256; exec "$0" "$1" --exact --nocapture"#;
    let child = Command::new("bash")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg("disk::full_disk_loses_spans_which_are_counted_and_operations_go_on")
        .env(ROLE, folder.path().join("spans.db"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.lines().any(|line| line.contains("ERROR") && line.contains("disk I/O error")), "{said}");
}

fn write_until_full(path: &std::ffi::OsStr) {
    let recorder = DebuggingRecorder::new();
    let counts = recorder.snapshotter();
    recorder.install().unwrap();
    let (spans, guard) = export("cart", Exporter::Sqlite(path.into())).unwrap();
    // To standard output, where the other process reads.
    let lines = tracing_subscriber::fmt::layer().with_ansi(false);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(spans).with(lines)).unwrap();

    let kit = TestKest::new(["cart"]);
    let cart = kit.admitter("cart").build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let serve = Operation::from_static("serve");
    let (mut asked, mut lost) = (0, 0);
    while lost == 0 {
        for _ in 0..100 {
            let ran = runtime.block_on(cart.originate(Origin::system(), &serve, &dangerous_allow_all()));
            drop(ran.unwrap());
            asked += 1;
        }
        // Its word is of the last batch: the timer may have come first.
        drop(guard.flush());
        let counted =
            counts.snapshot().into_vec().into_iter().find(|it| it.0.key().name() == "kest_spans_lost_total");
        lost = counted.map_or(0, |it| match it.3 {
            DebugValue::Counter(lost) => lost,
            other @ (DebugValue::Gauge(_) | DebugValue::Histogram(_)) => panic!("{other:?}"),
        });
        assert!(asked < 100_000, "it is never full");
    }
    let kept = runtime.block_on(crate::rig::rows(path.as_ref())).len();
    assert_eq!(u64::try_from(kept).unwrap() + lost, asked, "what is not there was counted");
    assert!(kept > 0);
}
