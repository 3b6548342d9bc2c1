//! Audit logs in real databases: what is written, what is refused when one fails, what shows when one was tampered with.
#![expect(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names and no code")]

#[cfg(test)]
mod beginning;
#[cfg(test)]
mod full;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod writing;
