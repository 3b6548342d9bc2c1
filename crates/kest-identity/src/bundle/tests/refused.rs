//! Bundles that are not taken: what a stranger who can change the file, or an accident, must not achieve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kest_core::signature::{Bundle, NoSuccessor};
use kest_testkit::TestClock;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::rig::{Folder, bundle, key_ids, naming, next_look, numbered, outcome_of_next_look, ring, trusted};
use crate::bundle::{BundleFault, BundleFile, BundleStartError, BundleUnavailable, telemetry};

async fn started(folder: &Folder, text: &str) -> (BundleFile, Arc<TestClock>) {
    folder.publish(text);
    let clock = Arc::new(TestClock::at(1_000_000));
    let bundle = folder.start(&clock).await.unwrap();
    (bundle, clock)
}

fn in_use(bundle: &BundleFile) -> Vec<String> {
    key_ids(&bundle.0.ring().unwrap())
}

#[tokio::test]
async fn bundle_that_lost_a_workload_is_refused_and_the_last_good_one_stays() {
    let folder = Folder::new("lost");
    let (follows, clock) = started(&folder, &bundle(&["cart/a", "stock/s"])).await;
    folder.publish(&bundle(&["cart/a"]));
    assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("shrinking"));
    assert_eq!(in_use(&follows), ["cart/a", "stock/s"]);
    folder.publish(&bundle(&["cart/a", "stock/s", "stock/t"]));
    assert_eq!(outcome_of_next_look(&follows, &clock).await, None, "a good one is taken after a bad one");
    assert_eq!(in_use(&follows), ["cart/a", "stock/s", "stock/t"]);
}

#[tokio::test]
async fn key_that_was_swapped_without_overlap_is_refused() {
    let folder = Folder::new("swapped");
    let (follows, clock) = started(&folder, &bundle(&["cart/a"])).await;
    folder.publish(&bundle(&["cart/evil"]));
    assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("shrinking"));
    assert_eq!(in_use(&follows), ["cart/a"]);
}

#[tokio::test]
async fn bundle_of_yesterday_that_is_put_back_is_refused() {
    let folder = Folder::new("yesterday");
    let (follows, clock) = started(&folder, &numbered(Some(7), &["cart/a", "cart/stolen"])).await;
    folder.publish(&numbered(Some(8), &["cart/a"]));
    assert_eq!(outcome_of_next_look(&follows, &clock).await, None);
    for replay in [numbered(Some(7), &["cart/a", "cart/stolen"]), bundle(&["cart/a", "cart/stolen"])] {
        folder.publish(&replay);
        assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("older"));
        assert_eq!(in_use(&follows), ["cart/a"]);
    }
}

#[tokio::test]
async fn malformed_emptied_and_endless_files_are_refused() {
    let folder = Folder::new("malformed");
    let (follows, clock) = started(&folder, &bundle(&["cart/a"])).await;
    let cut = bundle(&["cart/a", "cart/b"]).replace("]}", "");
    for (text, kind) in [
        (cut.as_str(), "malformed"),
        ("", "malformed"),
        (r#"{"keys":[]}"#, "shrinking"),
        (&" ".repeat(2 * 1024 * 1024), "too_long"),
    ] {
        folder.publish(text);
        assert_eq!(outcome_of_next_look(&follows, &clock).await, Some(kind));
        assert_eq!(in_use(&follows), ["cart/a"]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn file_that_others_can_write_or_that_is_no_file_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("writable");
    let (follows, clock) = started(&folder, &bundle(&["cart/a"])).await;
    folder.publish(&bundle(&["cart/a", "cart/evil"]));
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(folder.at("bundle.json"), open).unwrap();
    assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("open_to_writers"));
    std::fs::remove_file(folder.at("bundle.json")).unwrap();
    assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("unreadable"));
    // A pipe without a writer would hold the look for good.
    let pipe = std::process::Command::new("mkfifo").arg(folder.at("bundle.json")).status().unwrap();
    assert!(pipe.success());
    assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("unreadable"));
    assert_eq!(in_use(&follows), ["cart/a"]);
}

#[tokio::test]
async fn bundle_that_could_not_be_refreshed_for_too_long_verifies_nothing() {
    let folder = Folder::new("stale");
    let (follows, clock) = started(&folder, &bundle(&["cart/a"])).await;
    std::fs::remove_file(folder.at("bundle.json")).unwrap();
    clock.advance(Duration::from_secs(3579));
    assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("unreadable"));
    assert_eq!(trusted(&follows, &["cart/a"]).await.unwrap(), ["cart/a"], "a second is left");
    assert!(follows.health().is_ready());
    clock.advance(Duration::from_secs(11));
    let refused = trusted(&follows, &["cart/a"]).await.unwrap_err();
    assert!(
        matches!(&refused, BundleUnavailable::TooOld(fault) if fault.kind() == "unreadable"),
        "{refused:?}"
    );
    assert!(!follows.health().is_ready());
    folder.publish(&bundle(&["cart/a"]));
    clock.advance(Duration::from_secs(10));
    assert_eq!(trusted(&follows, &["cart/a"]).await.unwrap(), ["cart/a"], "and it comes back by itself");
}

#[tokio::test]
async fn refused_bundle_does_not_keep_the_last_one_young() {
    let folder = Folder::new("held");
    let (follows, clock) = started(&folder, &numbered(Some(7), &["cart/a"])).await;
    folder.publish(&numbered(Some(6), &["cart/a", "cart/b"]));
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1000));
        assert_eq!(outcome_of_next_look(&follows, &clock).await, Some("older"));
    }
    clock.advance(Duration::from_secs(1000));
    assert!(matches!(trusted(&follows, &["cart/a"]).await, Err(BundleUnavailable::TooOld(_))));
}

#[tokio::test]
async fn overlap_that_was_missed_for_too_long_binds_no_more() {
    let folder = Folder::new("missed");
    let (follows, clock) = started(&folder, &bundle(&["cart/a", "stock/s"])).await;
    folder.publish(&bundle(&["cart/c"]));
    clock.advance(Duration::from_secs(3600));
    assert_eq!(trusted(&follows, &["cart/c"]).await.unwrap(), ["cart/c"]);
}

#[tokio::test]
async fn service_does_not_start_without_a_bundle() {
    let folder = Folder::new("start");
    let clock = Arc::new(TestClock::at(1_000_000));
    let fault = async |text: Option<&str>| {
        if let Some(text) = text {
            folder.publish(text);
        }
        let refused = folder.start(&clock).await.unwrap_err();
        let BundleStartError::Unavailable(BundleUnavailable::NotRefreshed(fault)) = refused else {
            panic!("{refused:?}")
        };
        fault
    };
    assert!(matches!(*fault(None).await, BundleFault::File(_)));
    assert!(matches!(*fault(Some("{}")).await, BundleFault::NoSuccessor(NoSuccessor::Empty)));
    assert!(matches!(*fault(Some("[]")).await, BundleFault::Malformed(_)));
    let never = BundleFile::builder(folder.at("bundle.json")).serve_stale_for(Duration::ZERO);
    assert!(matches!(never.build().await, Err(BundleStartError::Refresh)));
}

#[tokio::test]
async fn stolen_key_is_ended_at_once_and_then_leaves() {
    let folder = Folder::new("stolen");
    let (follows, clock) = started(&folder, &bundle(&["cart/stolen"])).await;
    // The clock of the test begins at 1 000 000 s.
    let ended = ring(&[("cart/stolen", Some(999_999)), ("cart/b", None)]);
    folder.publish(&Bundle::to_json(&ended).unwrap());
    assert_eq!(outcome_of_next_look(&follows, &clock).await, None);
    let ring = follows.0.ring().unwrap();
    let (_, stolen, _) = ring.keys().find(|(_, key_id, _)| key_id.as_str() == "cart/stolen").unwrap();
    assert_eq!(ring.not_after(stolen).map(|end| end.unix_seconds()), Some(999_999));
    folder.publish(&bundle(&["cart/b"]));
    assert_eq!(outcome_of_next_look(&follows, &clock).await, None);
    assert_eq!(in_use(&follows), ["cart/b"]);
}

/// Counts lines at `warn`.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// A file is looked at each second while it is not taken: the log must not grow with it.
#[tokio::test]
async fn fault_that_stays_is_said_once_and_another_one_anew() {
    let warnings = Arc::<AtomicUsize>::default();
    let _listening = tracing::subscriber::set_default(Warnings(Arc::clone(&warnings)));
    let folder = Folder::new("said");
    let (follows, clock) = started(&folder, &bundle(&["cart/a", "stock/s"])).await;
    let mut told = Vec::new();
    for text in
        [bundle(&["cart/a"]), bundle(&["stock/s"]), bundle(&["cart/a", "stock/s"]), bundle(&["cart/a"])]
    {
        folder.publish(&text);
        for _ in 0..3 {
            next_look(&follows, &clock).await;
        }
        told.push(warnings.load(Ordering::SeqCst));
    }
    assert_eq!(told, [1, 2, 2, 3]);
}

#[test]
fn each_refused_bundle_and_each_passport_that_could_not_be_judged_is_counted() {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = Folder::new("counted");
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (follows, clock) = started(&folder, &numbered(Some(7), &["cart/a", "stock/s"])).await;
            next_look(&follows, &clock).await;
            for refused in [numbered(Some(8), &["cart/a"]), numbered(Some(6), &["cart/a"]), String::new()] {
                folder.publish(&refused);
                next_look(&follows, &clock).await;
            }
            clock.advance(Duration::from_secs(3600));
            assert!(trusted(&follows, &["cart/a"]).await.is_err());
            folder.publish(&numbered(Some(8), &["cart/a", "stock/s"]));
            clock.advance(Duration::from_secs(10));
            assert_eq!(trusted(&follows, &["cart/x"]).await.unwrap(), ["cart/a", "stock/s"]);
        });
    });
    let told: BTreeMap<String, f64> = recorder
        .snapshotter()
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let (_, key) = key.into_parts();
            let name = key
                .labels()
                .filter(|label| label.key() != "bundle")
                .fold(key.name().to_owned(), |name, it| format!("{name} {}", it.value()));
            assert!(
                key.labels().any(|label| label.key() == "bundle" && label.value().ends_with("bundle.json"))
            );
            let value = match value {
                DebugValue::Counter(count) => f64::from(u32::try_from(count).unwrap()),
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => panic!("{name}"),
            };
            (name, value)
        })
        .collect();
    for (name, expected) in [
        (format!("{} taken", telemetry::BUNDLE_FETCHES), 2.0),
        (format!("{} unchanged", telemetry::BUNDLE_FETCHES), 1.0),
        (format!("{} shrinking", telemetry::BUNDLE_FETCHES), 1.0),
        (format!("{} older", telemetry::BUNDLE_FETCHES), 1.0),
        (format!("{} stale", telemetry::BUNDLE_UNAVAILABLE), 1.0),
        (format!("{} fetched", telemetry::BUNDLE_UNKNOWN_KEYS), 1.0),
        (telemetry::BUNDLE_KEYS.to_owned(), 2.0),
        (telemetry::BUNDLE_AGE.to_owned(), 0.0),
    ] {
        assert_eq!(told.get(&name), Some(&expected), "{name}: {told:?}");
    }
    assert!(told.get(&format!("{} malformed", telemetry::BUNDLE_FETCHES)).is_some_and(|count| *count >= 2.0));
    drop(naming(&[]));
}
