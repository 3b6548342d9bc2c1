//! TLS of a client as its owner set it up: which certificate it presents, and which servers it believes.

use std::fmt;

use tokio_rustls::rustls::ClientConfig;

/// TLS that was set up elsewhere: for a [client](crate::HttpClientBuilder::tls) here, or as the beginning of reqwest's own
/// `ClientBuilder`, which it turns into.
///
/// It alone says which servers are believed; certificate authorities of the machine count no more.
#[derive(Clone)]
pub struct ClientTls(ClientConfig);

impl ClientTls {
    /// Speaks TLS by this configuration of rustls 0.23.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self(config)
    }
}

impl From<ClientTls> for reqwest::ClientBuilder {
    fn from(tls: ClientTls) -> Self {
        Self::new().tls_backend_preconfigured(tls.0)
    }
}

/// Without the keys.
impl fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientTls(..)")
    }
}
