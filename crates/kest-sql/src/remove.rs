//! Deletes old parts of a log, once a sealed record says so.

use std::io;
use std::sync::Arc;

use kest_audit::{Line, Recorder, TreeHash};
use kest_core::audit::AuditError;

use crate::session::{Access, Connect, Failed, Part, within};

/// Old parts were not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is no such part, or it is the last of a writer that lives.
    #[error("part is not one that can be deleted")]
    NoSuchPart,
    /// What is there cannot be read: verify the log.
    #[error("record is not as it was written")]
    Unreadable(#[source] kest_audit::LineError),
    /// The log did not take the record that says so; nothing was deleted.
    #[error("deletion was not recorded")]
    Unrecorded(#[source] AuditError),
    /// The database failed. Where that was after the record, trying once more goes on.
    #[error("database failed")]
    Database(#[source] io::Error),
}

/// Deletes the parts of a writer through this one.
pub(crate) async fn remove(
    connect: &Arc<dyn Connect>,
    recorder: &Recorder,
    through: Part,
) -> Result<(), RemoveError> {
    let failed = |failed: Failed| RemoveError::Database(failed.into_error());
    let wait = connect.timeout();
    let mut session = within(wait, connect.connect(Access::Remove)).await.map_err(failed)?;
    let behind = within(wait, session.part_after(Some(through))).await.map_err(failed)?;
    let last = within(wait, session.last(through)).await.map_err(failed)?;
    let over = behind.is_some_and(|(writer, _number)| writer == through.0)
        || !within(wait, session.is_held(through.0)).await.map_err(failed)?;
    let last = last.first().filter(|_| over).ok_or(RemoveError::NoSuchPart)?;
    let line = Line::read(last).map_err(RemoveError::Unreadable)?;
    let recorded = recorder.removed(through.0, line.seq, TreeHash::of_line(last)).await;
    recorded.map_err(RemoveError::Unrecorded)?;
    within(wait, session.remove(through)).await.map_err(failed)
}
