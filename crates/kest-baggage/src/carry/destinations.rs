//! Decides whether a request may take a passport, by the address that it names and by what its client does with one.

use std::collections::HashSet;
use std::sync::Arc;

use http::Uri;

use crate::carry::destination::Destination;
use crate::carry::error::CarryError;

/// Where the requests of one client go, and which of them may take a passport.
#[derive(Debug, Clone)]
pub struct Destinations {
    allowed: Arc<HashSet<Destination>>,
    client: Client,
    /// What a bound client asks under, where that is not its one destination.
    authority: Option<Destination>,
}

/// What a client does with the address of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    GoesWhereItIsTold,
    Bound,
}

impl Destinations {
    /// For a client that sends each request to the address that it names: only those to one of these take a passport.
    ///
    /// A request that names no origin is refused, since nothing says where it would go.
    pub fn listed(destinations: impl IntoIterator<Item = Destination>) -> Self {
        Self::of(destinations, Client::GoesWhereItIsTold)
    }

    /// For a client that sends every request to one of these, whatever address it names, such as a tonic channel.
    ///
    /// A request that names another origin is refused, since its writer expected it to go elsewhere.
    pub fn bound(destinations: impl IntoIterator<Item = Destination>) -> Self {
        Self::of(destinations, Client::Bound)
    }

    fn of(destinations: impl IntoIterator<Item = Destination>, client: Client) -> Self {
        Self { allowed: Arc::new(destinations.into_iter().collect()), client, authority: None }
    }

    /// Says that a bound client asks under this name, whichever of its destinations it asks, such as the name of a service
    /// that a channel balances over.
    #[must_use]
    pub fn asked_as(mut self, authority: Destination) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Whether it is known under which authority every request asks.
    pub(crate) fn know_their_authority(&self) -> bool {
        self.client == Client::GoesWhereItIsTold || self.authority.is_some() || self.allowed.len() == 1
    }

    /// What a request that names `uri` asks for on the wire, scheme and authority included.
    pub(crate) fn asked_for(&self, uri: &Uri) -> Option<Uri> {
        if self.client == Client::GoesWhereItIsTold {
            return Some(uri.clone());
        }
        let mut only = self.allowed.iter();
        let asked = self.authority.as_ref().or_else(|| only.next())?;
        let mut parts: http::uri::Parts = asked.to_string().parse::<Uri>().ok()?.into_parts();
        parts.path_and_query = uri.path_and_query().cloned().or(parts.path_and_query);
        Uri::from_parts(parts).ok()
    }

    /// Whether no passport may go anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Destination> {
        self.allowed.iter()
    }

    /// Whether a request to `address` takes a passport, or why it must not be sent at all.
    pub(crate) fn allow(&self, address: &Address) -> Result<Allowed, CarryError> {
        let listed = match address {
            Address::Origin(destination) => self.allowed.contains(destination),
            Address::Elsewhere | Address::Missing => false,
        };
        match (self.client, address) {
            _ if listed => Ok(Allowed::Passport),
            (Client::Bound, Address::Missing) => Ok(Allowed::Passport),
            (Client::Bound, Address::Origin(_) | Address::Elsewhere) => Err(CarryError::OtherOrigin),
            (Client::GoesWhereItIsTold, Address::Missing) => Err(CarryError::NoOrigin),
            (Client::GoesWhereItIsTold, Address::Origin(_) | Address::Elsewhere) => Ok(Allowed::NoPassport),
        }
    }
}

/// What a request may take along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    Passport,
    NoPassport,
}

/// What a request says about where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// To this origin.
    Origin(Destination),
    /// To what no passport can go to: another scheme, or a host or port that cannot be read.
    Elsewhere,
    /// It names a path only; its client knows the rest.
    Missing,
}

impl Address {
    /// What `uri` says. A host is taken as it is spelled: no escape is decoded and no short form of an address completed, so
    /// that it can be read in no two ways.
    #[must_use]
    pub fn of(uri: &Uri) -> Self {
        match (uri.scheme(), uri.authority()) {
            (None, None) => Self::Missing,
            _ => Destination::of_uri(uri).map_or(Self::Elsewhere, Self::Origin),
        }
    }
}

impl From<Option<Destination>> for Address {
    /// What an absolute URL says whose origin was read already.
    fn from(origin: Option<Destination>) -> Self {
        origin.map_or(Self::Elsewhere, Self::Origin)
    }
}
