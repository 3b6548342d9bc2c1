//! The tables, and in which version they are.

use std::io;

use crate::session::{Failed, invalid};

/// The tables, as a store makes them where they are missing.
#[cfg(feature = "sqlite")]
pub const SQLITE_AUTHORITY_SCHEMA: &str = include_str!("sqlite.sql");

/// The tables, as a store makes them where they are missing and its role may: for one who makes them by hand.
///
/// A role that does not own them needs these rights and no more:
///
/// ```sql
/// GRANT SELECT ON kest_authority_schema TO authority;
/// GRANT SELECT, UPDATE ON kest_authority_sequence TO authority;
/// GRANT SELECT, INSERT, UPDATE ON kest_authority_workloads TO authority;
/// GRANT SELECT, INSERT ON kest_authority_kids TO authority;
/// GRANT SELECT, INSERT, UPDATE, DELETE ON kest_authority_tickets, kest_authority_entry_keys, kest_authority_published
///     TO authority;
/// ```
#[cfg(feature = "postgres")]
pub const POSTGRES_AUTHORITY_SCHEMA: &str = include_str!("postgres.sql");

/// Scripts that lead from nothing to the version that is known: the first makes tables of version 1. Each is one transaction that
/// changes nothing where it was run before, so that two authorities may run it at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps(&'static [&'static str]);

#[cfg(feature = "sqlite")]
pub(super) const SQLITE_STEPS: Steps = Steps(&[SQLITE_AUTHORITY_SCHEMA]);
#[cfg(feature = "postgres")]
pub(super) const POSTGRES_STEPS: Steps = Steps(&[POSTGRES_AUTHORITY_SCHEMA]);

impl Steps {
    /// Those that are still to be run on tables of the version that was found; a database without tables has the version 0.
    pub(super) fn from(self, found: i64) -> Result<&'static [&'static str], Failed> {
        let found = usize::try_from(found).map_err(|cause| Failed::Refused(invalid(cause)))?;
        let newer = "tables of the authority are of a newer version than this program knows";
        let newer = || Failed::Refused(io::Error::new(io::ErrorKind::Unsupported, newer));
        self.0.get(found..).ok_or_else(newer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: Steps = Steps(&["first", "second"]);

    #[test]
    fn tables_of_an_earlier_version_get_the_steps_that_they_lack() {
        assert_eq!(STEPS.from(0).unwrap(), ["first", "second"]);
        assert_eq!(STEPS.from(1).unwrap(), ["second"]);
        assert!(STEPS.from(2).unwrap().is_empty());
    }

    /// Failure: a program of last year writes into tables that it does not understand.
    #[test]
    fn tables_of_a_newer_version_are_refused() {
        for found in [3, i64::MAX, -1] {
            assert!(matches!(STEPS.from(found), Err(Failed::Refused(_))), "{found}");
        }
    }
}
