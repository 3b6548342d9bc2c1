//! How TLS is spoken here: version 1.3 alone, nothing resumed, and time from the clock that all else goes by.

use std::sync::Arc;

use kest_core::Clock;
use kest_http::ClientTls;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use crate::certificate::OwnCertificate;
use crate::trust::PeerTrust;

pub(crate) fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// Of a listener: with `trust` a client has to present a certificate, without it none is asked for.
pub(crate) fn server(
    own: &OwnCertificate,
    trust: Option<&PeerTrust>,
    clock: &Arc<dyn Clock>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_details(Arc::new(provider()), Arc::new(Time(Arc::clone(clock))))
        .with_protocol_versions(&[&TLS13])
        .map_err(|cause| TlsError(cause.into()))?;
    let builder = match trust {
        Some(trust) => builder.with_client_cert_verifier(trust.client_verifier()),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(own.clone()));
    // A session that is resumed brings the certificate of its first handshake along, unjudged: expired, or revoked since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = protocols();
    Ok(config)
}

/// Of a client, which presents `own` where a server asks for it.
pub(crate) fn client(
    own: Option<&OwnCertificate>,
    verifier: Arc<dyn ServerCertVerifier>,
    clock: &Arc<dyn Clock>,
) -> Result<ClientTls, TlsError> {
    let builder = ClientConfig::builder_with_details(Arc::new(provider()), Arc::new(Time(Arc::clone(clock))))
        .with_protocol_versions(&[&TLS13])
        .map_err(|cause| TlsError(cause.into()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(own.clone())),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = protocols();
    Ok(ClientTls::new(config))
}

fn protocols() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

/// The clock of the project as rustls asks for it.
#[derive(Debug)]
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.0.unix_seconds())))
    }
}

/// The machine offers no TLS 1.3.
#[derive(Debug, thiserror::Error)]
#[error("tls cannot be set up")]
pub struct TlsError(#[source] kest_core::BoxError);
