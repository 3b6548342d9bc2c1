//! The command line of `kest view`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::guard::Name;
use crate::arguments::DialectName;

#[derive(Debug, Args)]
pub(crate) struct View {
    /// The log: a folder, `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, whose password is taken from `PGPASSWORD`.
    #[arg(long, value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Trust bundle with the keys of all who signed, those of then too: a file, an https URL, or an http URL of this machine.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) keys: PathBuf,
    /// Where to listen; with port 0 the system chooses one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8088")]
    pub(crate) listen: SocketAddr,
    /// Listen on an address that other machines reach. The page asks for no password and there is no TLS: all who reach the
    /// port read the log.
    #[arg(long)]
    pub(crate) dangerous_beyond_this_machine: bool,
    /// A name besides addresses and localhost by which the page may be asked for, as behind a proxy that hands on the Host
    /// header: with the port that the header has there, or with any where none is given.
    #[arg(long, value_name = "NAME[:PORT]")]
    pub(crate) host: Vec<Name>,
    /// Dialect of the entries.
    #[arg(long, value_enum, default_value_t = DialectName::Strict)]
    pub(crate) dialect: DialectName,
}
