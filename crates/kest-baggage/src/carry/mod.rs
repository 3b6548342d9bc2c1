//! The rules by which outgoing requests carry a lineage, whatever client sends them.
//!
//! A client says [where](Destinations) passports may go and what happens [without a lineage](WithoutLineage), and asks
//! [`CarryRules::prepare`] at the last moment before it sends. kest-reqwest and the tower layer of kest-tower both do; each
//! adds only what its own kind of client needs.

mod content;
mod destination;
mod destinations;
mod error;
mod origination;
mod proof;
mod report;
mod rules;

pub use content::{Content, ContentError, Streams, WholeBody};
pub use destination::{Destination, DestinationError};
pub use destinations::{Address, Destinations};
pub use error::CarryError;
pub use origination::{Origination, WithoutLineage};
pub use proof::HopSigning;
pub use rules::{CarryRules, Outgoing, Prepared, RulesError, Sent};

#[cfg(test)]
#[path = "../tests/carry.rs"]
mod tests;
