//! The command lines of `kest audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::arguments::DialectName;

/// What an audit log has.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check that nothing is missing or changed, and that every entry holds.
    Verify(Verify),
    /// Print the records that fit: nothing is verified.
    Query(Query),
    /// Print the records that fit, and go on as more come.
    Tail(Query),
    /// Put the passport of one entry together again, for `kest verify`.
    Passport(Passport),
    /// Delete files, or rows, whose records are old: recorded and sealed before, oldest first, and never from a log with a gap.
    Prune(Prune),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The log: a folder, `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, whose password is taken from `PGPASSWORD`.
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Trust bundle with the keys of all who signed, those of then too: a file, an https URL, or an http URL of this machine.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) keys: PathBuf,
    /// A checkpoint that was kept elsewhere: what it seals must be there.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Go on from what an earlier run found right, and keep there what this one does: of that the hashes are compared again, and the
    /// signatures are not. It is believed: keep it where the writers of the log cannot write.
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
    /// Dialect of the entries.
    #[arg(long, value_enum, default_value_t = DialectName::Strict)]
    pub(crate) dialect: DialectName,
    /// Print the answer as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which records: those that fit all that is said.
#[derive(Debug, Default, Args)]
pub(crate) struct Query {
    /// The log: a folder, `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, whose password is taken from `PGPASSWORD`.
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Of operations and refusals on behalf of this user.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Through this program.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// For this task.
    #[arg(long, value_name = "NAME")]
    pub(crate) task: Option<String>,
    /// Within this tenant.
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Signed by this workload; of refusals, called by it.
    #[arg(long, value_name = "ID")]
    pub(crate) workload: Option<String>,
    /// Of operations of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) operation: Option<String>,
    /// Of this trace.
    #[arg(long, value_name = "HEX")]
    pub(crate) trace: Option<String>,
    /// Of operations that gave what has this SHA-256: what was recorded with their end, and entries that sign it.
    #[arg(long, value_name = "HASH")]
    pub(crate) content_hash: Option<String>,
    /// With this taint.
    #[arg(long, value_name = "LABEL")]
    pub(crate) taint: Option<String>,
    /// With at least this trust.
    #[arg(long, value_name = "N")]
    pub(crate) min_trust: Option<i64>,
    /// With at most this trust.
    #[arg(long, value_name = "N")]
    pub(crate) max_trust: Option<i64>,
    /// Written at this time or later, in milliseconds since 1970.
    #[arg(long, value_name = "MILLIS")]
    pub(crate) since: Option<u64>,
    /// Written before this time, in milliseconds since 1970.
    #[arg(long, value_name = "MILLIS")]
    pub(crate) until: Option<u64>,
    /// Refusals alone.
    #[arg(long)]
    pub(crate) refused: bool,
    /// What was done alone: no refusals.
    #[arg(long, conflicts_with = "refused")]
    pub(crate) signed: bool,
    /// Print one JSON object a record.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Passport {
    /// The log: a folder, `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, whose password is taken from `PGPASSWORD`.
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// The entry: the SHA-256 of its compact form.
    #[arg(long, value_name = "HASH")]
    pub(crate) entry: String,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// The log: a folder, `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, whose password is taken from `PGPASSWORD`: a role that may
    /// delete.
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Trust bundle with the keys of all who signed: the log is verified before.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) keys: PathBuf,
    /// Key file of the workload that records and seals the deletion; the bundle has to know it.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Files all of whose records are more than so many days old.
    #[arg(long, value_name = "DAYS", required_unless_present = "before")]
    pub(crate) older_than: Option<u64>,
    /// Files all of whose records were written before this time, in milliseconds since 1970.
    #[arg(long, value_name = "MILLIS", conflicts_with = "older_than")]
    pub(crate) before: Option<u64>,
    /// Dialect of the entries.
    #[arg(long, value_enum, default_value_t = DialectName::Strict)]
    pub(crate) dialect: DialectName,
    /// Say what would go, and delete nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object a file.
    #[arg(long)]
    pub(crate) json: bool,
}
