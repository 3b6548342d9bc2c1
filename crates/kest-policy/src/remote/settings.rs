//! What every adapter of a sidecar engine is told, and what becomes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kest_core::Limits;
use kest_core::entry::PolicyName;
use kest_http::{Endpoint, EndpointError};

use super::engine::RemoteEngine;
use super::{RemoteConfigError, Secret};

/// The settings that are the same for every sidecar engine.
#[derive(Debug)]
pub(crate) struct Settings {
    base: Arc<str>,
    names: Vec<Arc<str>>,
    secret: Option<Secret>,
    limits: Limits,
    read: fn(&str) -> Result<Endpoint, EndpointError>,
}

/// Settings that were found good.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) address: Endpoint,
    pub(crate) names: BTreeSet<PolicyName>,
    pub(crate) remote: RemoteEngine,
}

impl Settings {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.into(),
            names: Vec::new(),
            secret: None,
            limits: Limits::default(),
            read: Endpoint::parse,
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
        self.read = Endpoint::dangerous_plain_http;
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Checks all of it; the secret is sent after `prefix`.
    pub(crate) fn open(self, prefix: &str) -> Result<Opened, RemoteConfigError> {
        let address = (self.read)(&self.base)?;
        if address.has_query_or_fragment() {
            return Err(RemoteConfigError::QueryOrFragment);
        }
        let names = self.names.into_iter().map(PolicyName::new).collect::<Result<BTreeSet<_>, _>>();
        let names = names.map_err(RemoteConfigError::Name)?;
        if names.is_empty() {
            return Err(RemoteConfigError::NoPolicy);
        }
        let limit = self.limits.token_bytes;
        let authorization = self.secret.map(|secret| secret.header(prefix, limit)).transpose()?;
        let remote = RemoteEngine::new(authorization, &self.limits)?;
        Ok(Opened { address, names, remote })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(base: &str) -> Result<Opened, RemoteConfigError> {
        let mut settings = Settings::new(base);
        settings.add_policies(["a"]);
        settings.open("")
    }

    #[test]
    fn plain_http_stays_on_the_machine() {
        for base in [
            "http://127.0.0.1:8181",
            "http://127.1:8181",
            "http://127.9.9.9/x",
            "http://[::1]:1/",
            "http://[::ffff:7f00:1]:8181",
            "http://localhost:8180",
            "http://localhost.:8180",
            "https://opa.example",
        ] {
            assert!(open(base).is_ok(), "{base}");
        }
        for base in [
            "http://opa.example",
            "http://10.0.0.1:8181",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://a.localhost",
            "http://[::2]/",
            "http://[64:ff9b::7f00:1]/",
            "http://0.0.0.0:8181",
        ] {
            assert!(matches!(open(base), Err(RemoteConfigError::PlainHttp)), "{base}");
            let mut settings = Settings::new(base);
            settings.add_policies(["a"]);
            settings.allow_http();
            assert!(settings.open("").is_ok(), "{base}");
        }
    }

    #[test]
    fn bases_that_are_no_address_are_refused() {
        assert!(matches!(open("127.0.0.1"), Err(RemoteConfigError::Malformed(_))));
        assert!(matches!(open("unix:///run/opa.sock"), Err(RemoteConfigError::Scheme)));
        assert!(matches!(open("https://u:p@opa.example"), Err(RemoteConfigError::Credentials)));
        assert!(matches!(open("https://u@opa.example"), Err(RemoteConfigError::Credentials)));
        assert!(matches!(open("https://opa.example/?x"), Err(RemoteConfigError::QueryOrFragment)));
        assert!(matches!(open("https://opa.example/#x"), Err(RemoteConfigError::QueryOrFragment)));
    }
}
