//! The memory of an authority in real databases: two that change it at once, connections that break, files that others read.
#![expect(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names and no code")]

#[cfg(test)]
mod access;
#[cfg(test)]
mod at_once;
#[cfg(test)]
mod conforming;
#[cfg(test)]
mod cut;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod versions;
