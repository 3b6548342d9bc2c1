//! Attack: the disk is full while operations run, so that what is done leaves no trace.
//!
//! The disk is a small tmpfs. Where none can be mounted, files that may not grow stand for it, and the test says so.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kest_audit::{Durability, Log, Record};
use kest_core::entry::EntryHash;
use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{AdmitErrorKind, Admitter, Operation};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::rig::{begin, operate, verify};

/// The folder of a log whose disk is nearly full, and what can be deleted to make room.
struct Disk {
    folder: TempDir,
    mounted: bool,
}

impl Disk {
    /// None where this process may not mount.
    fn mount() -> Option<Self> {
        if std::env::var_os("KEST_AUDIT_NO_MOUNT").is_some() {
            return None;
        }
        let mut disk = Self { folder: tempfile::tempdir().unwrap(), mounted: false };
        let mount = ["-t", "tmpfs", "-o", "size=1m", "kest-audit-test"];
        let mounted = Command::new("mount").args(mount).arg(disk.folder.path()).output();
        disk.mounted = mounted.is_ok_and(|it| it.status.success());
        disk.mounted.then_some(disk)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let unmounted = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
            assert!(unmounted.is_ok_and(|it| it.success()));
        }
    }
}

/// What became of operations.
#[derive(Default)]
struct Told {
    ran: HashSet<EntryHash>,
    refused: u64,
}

/// Several operations at once, until so many were refused.
async fn until_refused(service: &Admitter, refused: u64) -> Told {
    let (mut tasks, seen) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
    for _task in 0..8 {
        let (service, seen) = (service.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            let mut told = Told::default();
            let step = Operation::named("step").unwrap();
            while seen.load(Ordering::Relaxed) < refused {
                match service.originate(Origin::system(), &step, &dangerous_allow_all()).await {
                    Ok(admission) => drop(told.ran.insert(admission.entry().hash())),
                    Err(error) => {
                        // The status of this kind is 503.
                        assert_eq!(error.kind(), AdmitErrorKind::AuditUnavailable);
                        assert!(matches!(error.cause(), Some("full" | "storage")), "{error:?}");
                        told.refused += 1;
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            told
        });
    }
    tasks.join_all().await.into_iter().fold(Told::default(), |mut all, told| {
        all.ran.extend(told.ran);
        all.refused += told.refused;
        all
    })
}

/// What the log has, and what it says that it lost.
#[derive(Default, Debug)]
struct Counted {
    signed: HashSet<EntryHash>,
    refused: u64,
    finished: u64,
    lost: (u64, u64, u64),
}

fn counted(folder: &Path) -> Counted {
    let mut counted = Counted::default();
    for line in Log::open(folder).unwrap().lines() {
        let line = line.unwrap();
        let record = line.read().unwrap().record;
        counted.refused += u64::from(record.kind() == "refused");
        counted.finished += u64::from(record.kind() == "finished");
        if let Record::Signed { entry } = &record {
            assert!(counted.signed.insert(EntryHash::of(entry)));
        } else if let Record::Lost { finished, refused, signed } = record {
            let (lost_signed, lost_refused, lost_finished) = counted.lost;
            counted.lost = (lost_signed + signed, lost_refused + refused, lost_finished + finished);
        }
    }
    counted
}

/// With `Required`: what ran is recorded, and nothing else is; and no refusal and no end goes uncounted.
async fn required(folder: &Path, full: impl FnOnce() + Send, room: Option<&(dyn Fn() + Sync)>) {
    let (log, service) = begin(folder, Durability::Required, u64::MAX);
    full();
    let told = until_refused(&service, 100).await;
    assert!(!told.ran.is_empty() && told.refused >= 100);
    let found = verify(folder);
    assert!(found.holds(), "{:?}", found.faults);
    assert_eq!(counted(folder).signed, told.ran, "while the disk is full");
    let Some(room) = room else { return };
    room();
    drop(operate(&service, "after").await);
    log.close().await.unwrap();
    let found = verify(folder);
    assert!(found.holds(), "{:?}", found.faults);
    let counted = counted(folder);
    let ran = u64::try_from(told.ran.len()).unwrap() + 1;
    assert_eq!(u64::try_from(counted.signed.len()).unwrap(), ran);
    let (signed, refused, finished) = counted.lost;
    assert_eq!(signed, 0);
    assert_eq!(counted.refused + refused, told.refused);
    assert_eq!(counted.finished + finished, ran + told.refused);
    println!("{ran} ran, {} refused, {:?} lost (signed, refused, finished)", told.refused, counted.lost);
}

#[tokio::test]
async fn full_disk_refuses_what_cannot_be_recorded_and_counts_are_exact() {
    if let Some(folder) = std::env::var_os(ROLE) {
        return required(Path::new(&folder), || (), None).await;
    }
    let Some(disk) = Disk::mount() else { return in_files_that_may_not_grow() };
    let fill = || std::fs::write(disk.ballast(), vec![1; 700 << 10]).unwrap();
    required(&disk.log(), fill, Some(&|| std::fs::remove_file(disk.ballast()).unwrap())).await;
}

/// Attack: operations run, and the disk has no room to say so.
#[tokio::test]
async fn full_disk_takes_records_of_best_effort_and_each_is_counted() {
    let Some(disk) = Disk::mount() else {
        println!(
            "NOT RUN: no tmpfs can be mounted here, and what a best effort loses is tested with a queue that is full"
        );
        return;
    };
    let (log, service) = begin(&disk.log(), Durability::BestEffort, u64::MAX);
    std::fs::write(disk.ballast(), vec![1; 900 << 10]).unwrap();
    let operations = 600;
    for _operation in 0..operations {
        drop(operate(&service, "step").await);
    }
    // The last that waited is written, or lost, before there is room again.
    while log.in_force(None, None).await.is_ok() {
        drop(operate(&service, "more").await);
    }
    std::fs::remove_file(disk.ballast()).unwrap();
    log.in_force(None, None).await.unwrap();
    log.close().await.unwrap();
    let found = verify(&disk.log());
    assert!(found.holds(), "{:?}", found.faults);
    let counted = counted(&disk.log());
    let (signed, refused, finished) = counted.lost;
    let recorded = u64::try_from(counted.signed.len()).unwrap();
    assert!(signed > 0 && recorded + signed >= operations, "{counted:?}");
    assert_eq!(recorded + signed, counted.finished + finished);
    assert_eq!((refused, found.writers.iter().map(|it| it.lost).sum::<u64>()), (0, signed + finished));
}

/// A process whose files may have 128 KiB each, and which hears of that as of a full disk.
fn in_files_that_may_not_grow() {
    println!("FALLBACK: no tmpfs can be mounted here, so files that may not grow stand for a full disk");
    let folder = tempfile::tempdir().unwrap();
    let test = "full_disk::full_disk_refuses_what_cannot_be_recorded_and_counts_are_exact";
    let script = r#"trap "" XFSZ; ulimit -f 128; exec "$0" "$1" --exact --nocapture"#;
    let child = Command::new("bash")
        .arg("-c")
        .arg(script)
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(ROLE, folder.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(verify(folder.path()).holds());
}

const ROLE: &str = "KEST_AUDIT_TEST_FULL_DISK";
