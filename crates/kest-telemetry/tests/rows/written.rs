//! What a row says, and who may read it.

use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{AdmitError, Operation, policy::policy_fn};
use kest_telemetry::{BootstrapError, Exporter, export};
use kest_testkit::TestKest;

use crate::rig::{Export, reader, rows};

#[tokio::test]
async fn operations_are_rows_with_their_parents_which_others_read_while_more_are_written() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let cart = kit.admitter("cart").build();
    let serve = Operation::from_static("serve");
    let mut earlier = reader(&export.path).await;
    for round in 0..3_i64 {
        let outer = cart.originate(Origin::system(), &serve, &dangerous_allow_all()).await.unwrap();
        drop(outer.operation(Operation::from_static("inner")).admit(&dangerous_allow_all()).await.unwrap());
        drop(outer);
        export.guard.flush().unwrap();
        let count = "SELECT count(*) FROM kest_spans";
        let count: i64 = sqlx::query_scalar(count).fetch_one(&mut earlier).await.unwrap();
        assert_eq!(count, 2 * (round + 1), "a reader that was there before sees what is new");
    }
    let rows = export.rows().await;
    for pair in rows.chunks(2) {
        let [inner, outer] = pair else { panic!("{rows:#?}") };
        assert_eq!(
            (inner.name.as_str(), outer.name.as_str()),
            ("kest.verified.inner", "kest.verified.serve")
        );
        assert_eq!(inner.parent_span_id.as_deref(), Some(outer.span_id.as_str()));
        assert_eq!((&inner.trace_id, outer.parent_span_id.as_deref()), (&outer.trace_id, None));
        assert_eq!((inner.span_id.len(), inner.trace_id.len()), (16, 32));
        let times = [outer.start_unix_nano, inner.start_unix_nano, inner.end_unix_nano];
        assert!(times.is_sorted() && outer.end_unix_nano > outer.start_unix_nano, "{rows:#?}");
        assert_eq!((outer.service.as_str(), outer.scope.as_str()), ("cart", "kest.core"));
        assert_eq!((outer.kind.as_str(), outer.links.as_str()), ("internal", "[]"));
        assert_eq!((outer.status.as_str(), outer.dropped_attributes), ("unset", 0));
        assert_eq!(outer.attribute("kest.operation"), "serve");
        assert_eq!(outer.attribute("kest.workload_id"), cart.workload().as_str());
    }
}

#[tokio::test]
async fn operation_that_was_refused_is_an_error_that_says_why() {
    let export = Export::start();
    let kit = TestKest::new(["cart"]);
    let closed = policy_fn("closed", |_| false).unwrap();
    let serve = Operation::from_static("serve");
    let denied = kit.admitter("cart").build().originate(Origin::system(), &serve, &closed).await;
    assert!(matches!(denied, Err(AdmitError::Authorize(_))), "{denied:?}");
    let row = export.row("kest.verified.serve").await;
    assert_eq!((row.status.as_str(), row.status_message.as_str()), ("error", "denied"));
    assert_eq!(row.attribute("error.type"), "denied");
}

#[tokio::test]
async fn dropping_the_guard_writes_what_is_left_and_leaves_one_file() {
    let Export { _subscriber, guard, path, folder } = Export::start();
    tracing::info_span!("last").in_scope(|| ());
    drop(guard);
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(files, ["spans.db"]);
    let names: Vec<_> = rows(&path).await.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["last"]);
}

/// Attack: another user of the machine reads what users do.
#[cfg(unix)]
#[tokio::test]
async fn file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let export = Export::start();
    tracing::info_span!("first").in_scope(|| ());
    assert_eq!(export.rows().await.len(), 1);
    let files = std::fs::read_dir(export.folder.path()).unwrap().map(|it| it.unwrap());
    let modes: Vec<_> = files.map(|it| it.metadata().unwrap().permissions().mode() & 0o777).collect();
    assert_eq!(modes, [0o600; 3], "with the write-ahead log");
}

#[test]
fn file_that_cannot_be_written_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "no database, and longer than the head of one would be: ".repeat(20)).unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing/spans.db"), text.clone()] {
        let error =
            export::<tracing_subscriber::Registry>("cart", Exporter::Sqlite(path.clone())).err().unwrap();
        assert!(matches!(error, BootstrapError::File(_)), "{}: {error:?}", path.display());
    }
    assert!(std::fs::read_to_string(text).unwrap().starts_with("no database"), "it is left as it was");
}
