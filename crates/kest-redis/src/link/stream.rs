//! The way to a server: TCP, and TLS over it.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::ConnectError;
use crate::address::{Address, Encryption};
use crate::settings::Settings;

/// Something to be read from and written to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<Any: AsyncRead + AsyncWrite + Send + Unpin> Duplex for Any {}

pub(super) async fn connect(address: &Address, settings: &Settings) -> Result<Box<dyn Duplex>, ConnectError> {
    let tcp = TcpStream::connect((address.host(), address.port()));
    let tcp = tcp.await.map_err(|cause| ConnectError::Unreachable(cause.into()))?;
    tcp.set_nodelay(true).map_err(|cause| ConnectError::Unreachable(cause.into()))?;
    match address.encryption() {
        Encryption::Plain => Ok(Box::new(tcp)),
        Encryption::Tls => encrypt(tcp, address, settings).await,
    }
}

#[cfg(feature = "tls")]
async fn encrypt(
    tcp: TcpStream,
    address: &Address,
    settings: &Settings,
) -> Result<Box<dyn Duplex>, ConnectError> {
    use tokio_rustls::rustls::pki_types::ServerName;

    let connector = settings.tls.as_ref().ok_or(ConnectError::Feature("tls"))?;
    let name = ServerName::try_from(address.host().to_owned());
    let name = name.map_err(|cause| ConnectError::Unreachable(cause.into()))?;
    let stream = connector.connect(name, tcp).await;
    Ok(Box::new(stream.map_err(|cause| ConnectError::Unreachable(cause.into()))?))
}

#[cfg(not(feature = "tls"))]
async fn encrypt(
    _tcp: TcpStream,
    _address: &Address,
    _settings: &Settings,
) -> Result<Box<dyn Duplex>, ConnectError> {
    Err(ConnectError::Feature("tls"))
}
