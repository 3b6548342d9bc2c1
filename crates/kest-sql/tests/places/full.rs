//! SQLite may grow no more: nothing runs, and nothing is left behind of what was refused.

use kest_audit::Durability;
use kest_core::audit::AuditError;
use kest_sql::Sqlite;

use crate::rig::{PATIENCE, Recorded, Service, signer, verify};

/// Attack: the disk is full, so that what is done leaves no trace.
#[tokio::test(flavor = "multi_thread")]
async fn full_database_refuses_every_operation_and_keeps_no_half_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let place = Sqlite::builder(&path).most_bytes(256 * 1024).timeout(PATIENCE).build().unwrap();
    let service = Service::patient(place.recorder(signer(), Durability::Required)).await;
    let mut ran = Vec::new();
    let refused = loop {
        match service.try_operate().await {
            Ok(admission) => ran.push(admission.entry().hash()),
            Err(error) => break error,
        }
    };
    assert!(ran.len() > 20, "{}", ran.len());
    let cause = std::error::Error::source(&refused).unwrap().downcast_ref::<AuditError>().unwrap();
    assert_eq!(cause.kind(), "full");
    drop(service);

    // With room again the next one goes on; what was refused is nowhere.
    let place = Sqlite::builder(&path).timeout(PATIENCE).build().unwrap();
    let next = Service::patient(place.recorder(signer(), Durability::Required)).await;
    ran.push(next.operate().await);
    next.log.close().await.unwrap();
    let log = place.log().unwrap();
    let report = verify(&log, None);
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(Recorded::of(&log).signed, ran.into_iter().collect());
}
