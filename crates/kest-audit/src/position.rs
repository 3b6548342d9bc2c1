//! Where a reader of one writer's records is: all that judging the next part needs.

use kest_core::signature::WorkloadId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::report::InForce;
use crate::tree::{Edge, TreeHash};
use crate::verify::Removed;

/// What is known of a writer after some of its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    pub(crate) writer: Uuid,
    /// Whose log it is: as its start says, or else its first checkpoint.
    pub(crate) service: Option<String>,
    /// The part that is read.
    pub(crate) part: u32,
    /// The number of the next record; `None` before the first.
    pub(crate) next: Option<u64>,
    /// The hash of the record before, where it is known.
    pub(crate) before: Option<TreeHash>,
    /// The tree over all records so far, unless one of them is missing or changed.
    pub(crate) edge: Option<Edge>,
    /// What the first record that is there follows, where it is not the first of all.
    pub(crate) head: Option<Head>,
    pub(crate) unsealed: u64,
    /// Deletions that no checkpoint behind them has proved yet.
    pub(crate) pending: Vec<Removed>,
    /// Those that one has.
    pub(crate) removed: Vec<Removed>,
    pub(crate) last_end: bool,
    pub(crate) last: u64,
    pub(crate) sealed: u64,
    pub(crate) torn: u64,
    pub(crate) records: u64,
    pub(crate) entries: u64,
    pub(crate) lost: u64,
    pub(crate) in_force: Vec<InForce>,
}

/// A writer whose first records are not there: the first part that is, its tree before, and the hash that it follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) part: u32,
    pub(crate) before: TreeHash,
    pub(crate) edge: Edge,
}

impl Position {
    pub(crate) fn new(writer: Uuid, service: Option<&WorkloadId>) -> Self {
        Self {
            writer,
            service: service.map(|service| service.as_str().to_owned()),
            part: 0,
            next: None,
            before: None,
            edge: None,
            head: None,
            unsealed: 0,
            pending: Vec::new(),
            removed: Vec::new(),
            last_end: false,
            last: 0,
            sealed: 0,
            torn: 0,
            records: 0,
            entries: 0,
            lost: 0,
            in_force: Vec::new(),
        }
    }
}
