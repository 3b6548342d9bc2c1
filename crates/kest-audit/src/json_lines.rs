//! The log of a service as a folder of append-only files.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use kest_core::audit::{Audit, AuditError, Finished, InForceDigests, Refused, Signed};
use kest_core::signature::Sign;
use kest_core::{Clock, Limits, Random};
use uuid::Uuid;

use crate::folder::Folder;
use crate::place::OpenError;
use crate::recorder::{Durability, Recorder, RecorderSettings};
use crate::tree::TreeHash;

/// An audit log in a folder: each process that writes there has files of its own.
///
/// ```
/// use std::sync::Arc;
/// use kest_audit::{Durability, JsonLines};
/// # use kest_core::{Admitter, OsRandom, signature::{Ed25519Signer, WorkloadId}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
/// let log = Arc::new(JsonLines::builder(folder.path(), signer.clone(), Durability::Required).open()?);
/// let shared: Arc<dyn kest_core::Audit> = log.clone();
/// let service = Admitter::builder(signer).audit(shared).build();
/// // .. and when the service ends:
/// log.close().await?;
/// # drop(service);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct JsonLines(Recorder);

/// Builds a [`JsonLines`].
#[derive(Debug)]
#[must_use]
pub struct JsonLinesBuilder {
    folder: PathBuf,
    settings: RecorderSettings,
}

impl JsonLinesBuilder {
    /// Keeps these bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Draws from this source.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.settings.random = random;
        self
    }

    /// Begins another file after so many bytes; after 64 MiB otherwise.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.settings.segment_bytes = bytes;
        self
    }

    /// Begins to write: makes the folder where it is missing, and a file in it.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where that cannot be, or no tokio runtime is running.
    pub fn open(self) -> Result<JsonLines, OpenError> {
        let folder = self.folder;
        let recorder = self.settings.begin(|| Ok(Box::new(Folder::open(folder)?)))?;
        Ok(JsonLines(recorder))
    }
}

impl JsonLines {
    /// A log in `folder`, sealed by `signer`: that of the service.
    pub fn builder(
        folder: impl Into<PathBuf>,
        signer: Arc<dyn Sign>,
        durability: Durability,
    ) -> JsonLinesBuilder {
        JsonLinesBuilder { folder: folder.into(), settings: RecorderSettings::new(signer, durability) }
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.0
    }

    /// As [`Recorder::in_force`].
    ///
    /// # Errors
    ///
    /// [`AuditError`] where it cannot be recorded in time.
    pub async fn in_force(
        &self,
        keys: Option<TreeHash>,
        policies: Option<TreeHash>,
    ) -> Result<(), AuditError> {
        self.0.in_force(keys, policies).await
    }

    /// As [`Recorder::removed`].
    ///
    /// # Errors
    ///
    /// [`AuditError`] where it cannot be recorded and sealed in time: delete nothing then.
    pub async fn removed(&self, writer: Uuid, through: u64, hash: TreeHash) -> Result<(), AuditError> {
        self.0.removed(writer, through, hash).await
    }

    /// As [`Recorder::close`].
    ///
    /// # Errors
    ///
    /// [`AuditError`] where the end could not be written within 10 s; what was promised before is there.
    pub async fn close(&self) -> Result<(), AuditError> {
        self.0.close().await
    }
}

#[async_trait]
impl Audit for JsonLines {
    async fn signed(&self, signed: &Signed<'_>) -> Result<(), AuditError> {
        self.0.signed(signed).await
    }

    fn refused(&self, refused: &Refused<'_>) {
        self.0.refused(refused);
    }

    fn finished(&self, finished: &Finished) {
        self.0.finished(finished);
    }

    fn in_force(&self, in_force: &InForceDigests) -> Result<(), AuditError> {
        Audit::in_force(&self.0, in_force)
    }
}

/// For code that has a log in one of several places.
impl From<JsonLines> for Recorder {
    fn from(log: JsonLines) -> Self {
        log.0
    }
}
