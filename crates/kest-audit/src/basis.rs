//! What the service goes by, as it was recorded last: said again wherever a reader may begin.

use serde_json::Error;

use crate::chain::Chain;
use crate::queue::Item;
use crate::record::Record;

/// The last record of what is in force.
#[derive(Debug, Default)]
pub(crate) struct Basis {
    record: Option<Record<'static>>,
    /// It was in a write that failed.
    lost: bool,
}

impl Basis {
    /// Remembers what is in force, where `item` says that.
    pub(crate) fn heed(&mut self, item: &Item) {
        if let Item::Note { record, .. } = item
            && matches!(record.as_ref(), Record::InForce { .. })
        {
            self.record = Some(record.as_ref().clone());
        }
    }

    /// Says it again in a file that begins: those before it may be deleted.
    pub(crate) fn append(&self, chain: &mut Chain, lines: &mut Vec<u8>, at: u64) -> Result<(), Error> {
        self.record.iter().try_for_each(|record| chain.append(lines, at, record.clone()))
    }

    /// Says it in front of what was decided by it, where the write failed that had it.
    pub(crate) fn append_lost(&self, chain: &mut Chain, lines: &mut Vec<u8>, at: u64) -> Result<(), Error> {
        if self.lost { self.append(chain, lines, at) } else { Ok(()) }
    }

    /// What became of the write that may have had it.
    pub(crate) fn written(&mut self, is_kept: bool) {
        self.lost = !is_kept && self.record.is_some();
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }
}
