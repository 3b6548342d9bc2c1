//! What becomes of a batch when its database fails. The database is made up: a disk fails here when it is told to.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use kest_audit::CommitError;

use super::*;
use crate::session::{After, Row};

/// Keeps every line and says of the first batch that it failed.
#[derive(Debug)]
struct Fails {
    how: fn() -> Failed,
    inserted: AtomicUsize,
}

#[derive(Debug)]
struct Database(Arc<Fails>);

#[async_trait]
impl Connect for Database {
    async fn connect(&self, _access: Access) -> Result<Box<dyn Session>, Failed> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn name(&self, _part: Part) -> Arc<Path> {
        Path::new("made up").into()
    }
}

#[async_trait]
impl Session for Database {
    async fn hold(&mut self, _writer: Uuid) -> Result<(), Failed> {
        Ok(())
    }

    async fn is_held(&mut self, _writer: Uuid) -> Result<bool, Failed> {
        Ok(true)
    }

    async fn insert(&mut self, _part: Part, _first: u64, _lines: &[&str]) -> Result<u64, Failed> {
        match self.0.inserted.fetch_add(1, Ordering::SeqCst) {
            0 => Err((self.0.how)()),
            _again => Ok(0),
        }
    }

    async fn settle(&mut self) -> Result<(), Failed> {
        Ok(())
    }

    async fn page(&mut self, _part: Part, after: &After, _most: usize) -> Result<Vec<Row>, Failed> {
        Ok(vec![Row { at: after.clone(), line: b"line".to_vec() }])
    }

    async fn part_after(&mut self, _part: Option<Part>) -> Result<Option<Part>, Failed> {
        Ok(None)
    }

    async fn writer_before(&mut self, _writer: Option<Uuid>) -> Result<Option<Uuid>, Failed> {
        Ok(None)
    }

    async fn last(&mut self, _through: Part) -> Result<Vec<Vec<u8>>, Failed> {
        Ok(Vec::new())
    }

    async fn remove(&mut self, _through: Part) -> Result<(), Failed> {
        Ok(())
    }

    async fn bytes(&mut self) -> Result<u64, Failed> {
        Ok(0)
    }
}

async fn keep(how: fn() -> Failed) -> (Result<(), CommitError>, usize) {
    let fails = Arc::new(Fails { how, inserted: AtomicUsize::new(0) });
    let connect = Arc::new(Database(Arc::clone(&fails)));
    let mut connection = Connection { connect, session: None };
    let kept = connection.keep((Uuid::nil(), 1), 1, &["line"], Duration::from_secs(60)).await;
    (kept, fails.inserted.load(Ordering::SeqCst))
}

/// Attack: the disk fails under a batch, and the next look finds it in memory, from where it never comes to the disk.
#[tokio::test]
async fn batch_under_which_the_disk_failed_is_not_found_to_stand_by_another_look() {
    let (kept, inserted) = keep(|| Failed::Failing(io::Error::other("disk"))).await;
    assert!(matches!(kept, Err(CommitError::Unknown(_))), "{kept:?}");
    assert_eq!(inserted, 1);
}

#[tokio::test]
async fn batch_whose_connection_broke_is_found_to_stand() {
    let (kept, inserted) = keep(|| Failed::Lost(io::Error::other("connection"))).await;
    assert!(kept.is_ok(), "{kept:?}");
    assert_eq!(inserted, 2);
}

#[tokio::test]
async fn batch_that_was_refused_is_undone() {
    let (kept, inserted) = keep(|| Failed::Refused(io::Error::other("full"))).await;
    assert!(matches!(kept, Err(CommitError::Undone(_))), "{kept:?}");
    assert_eq!(inserted, 1);
}
