//! The audit log of Kest: every signed operation before it runs, every refusal, every end, kept so that what is missing shows.
//!
//! [`JsonLines`] is the log of a service: a folder of append-only files, given to the service as its
//! [`Audit`](kest_core::Audit). A line holds the entry itself as it was signed. Each writer numbers its records without a gap,
//! chains them by their hashes and has the root over all of them signed by the service's key. [`Log`] reads a folder, and
//! [`LogVerifier`] says of each writer one of three things: complete from one record to another, a gap, unknown before.
//!
//! ```
//! use std::sync::Arc;
//! use kest_audit::{Answer, Durability, JsonLines, Log, LogVerifier};
//! use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
//! use kest_core::{Admitter, Audit, Limits, Operation, OsRandom, Verifier, policy::dangerous_allow_all, trust::Origin};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("cart")?, &OsRandom)?);
//! let mut ring = KeyRing::new();
//! ring.trust_signer(signer.as_ref())?;
//!
//! let log = Arc::new(JsonLines::builder(folder, signer.clone(), Durability::Required).open()?);
//! let shared: Arc<dyn Audit> = log.clone();
//! let service = Admitter::builder(signer).audit(shared).build();
//! let job = Operation::named("nightly")?;
//! service.originate(Origin::system(), &job, &dangerous_allow_all()).await?;
//! log.close().await?;
//!
//! let report = LogVerifier::new(Verifier::new(Limits::default()), &ring).verify(&Log::open(folder)?, |_bytes| ())?;
//! assert!(report.holds());
//! assert_eq!((report.writers[0].answer, report.entries()), (Answer::Complete, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! - What comes after the last checkpoint is chained and not sealed: one who can write the folder can cut it off, or write other
//!   refusals and ends. A checkpoint that is kept elsewhere, or a later writer, shows what was cut.
//! - One who has the service's key can write another log. Checkpoints that others keep show that too.
//! - Refusals over `Limits::audit_refusals_a_second` are counted, not recorded.
//! - A file system that loses what it said was on the disk loses records; that shows as a cut.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod basis;
mod chain;
mod contents;
mod folder;
mod json_lines;
mod lineage;
mod lines;
mod note;
mod place;
mod position;
mod prune;
mod queue;
mod read;
mod record;
mod recorder;
mod report;
mod resume;
mod sealed;
mod segment;
mod signing;
mod tree;
mod verify;
mod walk;
mod writer;

pub use chain::PARENT_WINDOW;
pub use folder::State;
pub use json_lines::{JsonLines, JsonLinesBuilder};
pub use lineage::{Recorded, Wanted};
pub use note::{Checkpoint, NoteError};
pub use place::{Append, Batch, CommitError, OpenError, ReadParts, Tail};
pub use prune::{OldParts, PruneError, PrunedFile, Pruning};
pub use read::{Log, RawLine};
pub use record::{Before, LINE_BYTES, Line, LineError, Record, Refusal, Start};
pub use recorder::{Durability, Recorder, RecorderBuilder};
pub use report::{Answer, Fault, FaultKind, InForce, Report, WriterReport};
pub use resume::Verified;
pub use tree::{Edge, TreeHash};
pub use verify::LogVerifier;
