//! Looks names up, and drops the addresses that a client may not reach.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::BoxError;
use crate::address::{Reach, is_localhost};

/// Finds the addresses of a name; the system's own way unless a client is given another.
///
/// What it answers is judged by the client's [`Reach`] and then connected to as it stands, without a second look-up.
#[async_trait]
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The addresses of `name`.
    ///
    /// # Errors
    ///
    /// When the name has none, or they cannot be found out.
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// The only way from a name to an address in this crate. Hosts that are addresses do not come by here: the client
/// judges them before it asks.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) reach: Reach,
}

impl Resolver {
    async fn resolve(self, name: &str) -> Result<Vec<SocketAddr>, BoxError> {
        let found = if is_localhost(name) {
            vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        } else {
            self.lookup.look_up(name).await.map_err(NotFound)?
        };
        if found.is_empty() {
            return Err(Box::new(NotFound(io::ErrorKind::NotFound.into())));
        }
        let kept = found.into_iter().filter(|address| self.reach.admits(*address));
        // The client puts the port of the URL in place of 0.
        let kept: Vec<_> = kept.map(|address| SocketAddr::new(address, 0)).collect();
        if kept.is_empty() { Err(Box::new(LeadsToPrivateAddress)) } else { Ok(kept) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let kept = Self::resolve(resolver, name.as_str()).await?;
            Ok::<Addrs, BoxError>(Box::new(kept.into_iter()))
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("name could not be looked up")]
struct NotFound(#[source] io::Error);

/// A name has addresses, and each of them leads to a private address.
#[derive(Debug, thiserror::Error)]
#[error("name leads to a private address")]
pub(crate) struct LeadsToPrivateAddress;
