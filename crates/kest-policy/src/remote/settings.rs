//! What every adapter of an engine next door is told, and what becomes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kest_core::Limits;
use kest_core::entry::PolicyName;

use super::address::{Address, PlainHttp};
use super::neighbour::Neighbour;
use super::{RemoteConfigError, Secret};

/// The settings that are the same for every engine next door.
#[derive(Debug)]
pub(crate) struct Settings {
    base: Arc<str>,
    names: Vec<Arc<str>>,
    secret: Option<Secret>,
    limits: Limits,
    plain_http: PlainHttp,
}

/// Settings that were found good.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) address: Address,
    pub(crate) names: BTreeSet<PolicyName>,
    pub(crate) neighbour: Neighbour,
}

impl Settings {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.into(),
            names: Vec::new(),
            secret: None,
            limits: Limits::default(),
            plain_http: PlainHttp::ThisMachine,
        }
    }

    pub(crate) fn add_policies<Name: Into<Arc<str>>>(&mut self, names: impl IntoIterator<Item = Name>) {
        self.names.extend(names.into_iter().map(Into::into));
    }

    pub(crate) fn set_secret(&mut self, secret: Secret) {
        self.secret = Some(secret);
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(crate) fn allow_http(&mut self) {
        self.plain_http = PlainHttp::Anywhere;
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Checks all of it; the secret is sent after `prefix`.
    pub(crate) fn open(self, prefix: &str) -> Result<Opened, RemoteConfigError> {
        let address = Address::parse(&self.base, self.plain_http)?;
        let names = self.names.into_iter().map(PolicyName::new).collect::<Result<BTreeSet<_>, _>>();
        let names = names.map_err(RemoteConfigError::Name)?;
        if names.is_empty() {
            return Err(RemoteConfigError::NoPolicy);
        }
        let limit = self.limits.token_bytes;
        let authorization = self.secret.map(|secret| secret.header(prefix, limit)).transpose()?;
        let neighbour = Neighbour::new(authorization, &self.limits)?;
        Ok(Opened { address, names, neighbour })
    }
}
