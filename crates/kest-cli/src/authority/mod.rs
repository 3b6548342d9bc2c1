//! `kest authority`: who issues the identities of services, and what it remembers.

mod flags;
mod init;
mod list;
mod place;
mod revoke;
mod rotate;
mod serve;
mod status;
mod ticket;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use kest_authority::{
    AuthorityBuilder, AuthorityKeys, KeysError, ServeError, StartError, Store, StoreError, TicketError,
};
use kest_core::BoxError;

pub(crate) use flags::Authority;

use self::place::Missing;
use crate::failure::{Answer, Failure};

/// Runs one of the commands.
pub(crate) async fn run(command: Authority) -> Result<Answer, Failure> {
    match command {
        Authority::Init(flags) => init::run(flags).await,
        Authority::Serve(flags) => serve::run(flags).await,
        Authority::Ticket(flags) => ticket::run(flags).await,
        Authority::RotateRoot(flags) => rotate::run(flags).await,
        Authority::Status(flags) => status::run(flags).await,
        Authority::List(flags) => list::run(flags).await,
        Authority::Revoke(flags) => revoke::run(flags).await,
    }
}

/// A command of `kest authority` has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// What is named is neither.
    #[error("store of an authority is sqlite:PATH or postgres://USER@HOST/DATABASE")]
    NoStore,
    /// A mistyped folder, or none that was made yet.
    #[error("{} is not there: `kest authority init` makes an authority", .0.display())]
    NotThere(PathBuf),
    /// It cannot be opened.
    #[error("store of the authority cannot be used")]
    Place(#[source] BoxError),
    /// This program was built without it.
    #[cfg(not(feature = "postgres"))]
    #[error("this kest was built without the feature postgres")]
    NotBuilt,
    /// The keys in the folder.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The authority did not begin.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The ticket was not given out.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// Two authorities of one store are of one trust domain: services believe all that it publishes.
    #[error("store has workloads of another trust domain")]
    OtherTrustDomain,
    /// Others could not be told where it is.
    #[error("--workload-url must say where services find the listener of workloads")]
    NoUrl,
    /// An address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Signals cannot be heard.
    #[error("cannot wait for the signal to end")]
    Signals(#[source] io::Error),
    /// A listener failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// It did not do what it was asked, or did not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthorityError {
    /// 1 when it was refused, 2 when it could not be asked.
    pub(crate) fn exit_code(&self) -> u8 {
        let refused = matches!(
            self,
            Self::Keys(KeysError::Exists | KeysError::NotOver)
                | Self::Ticket(TicketError::OtherTrustDomain | TicketError::Reserved)
                | Self::OtherTrustDomain
        );
        if refused { 1 } else { 2 }
    }
}

/// The authority in its folder, with what it remembers.
async fn open(place: &flags::Place) -> Result<kest_authority::Authority, AuthorityError> {
    let keys = AuthorityKeys::open(&place.dir)?;
    start(keys, place::store(place, Missing::Refused)?, |builder| builder).await
}

/// Begins, if the store is one of the trust domain.
async fn start(
    keys: AuthorityKeys,
    store: Arc<dyn Store>,
    edit: impl FnOnce(AuthorityBuilder) -> AuthorityBuilder + Send,
) -> Result<kest_authority::Authority, AuthorityError> {
    let domain = keys.trust_domain();
    if store.state().await?.workloads.iter().any(|workload| *workload.identity.trust_domain() != domain) {
        return Err(AuthorityError::OtherTrustDomain);
    }
    Ok(edit(kest_authority::Authority::builder(keys, store)).start().await?)
}
