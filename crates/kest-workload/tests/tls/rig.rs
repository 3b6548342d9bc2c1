//! An authority that issues whatever a test asks for, a listener of a service, and a peer that presents it.

use std::net::SocketAddr;
use std::sync::Arc;

use kest_core::Clock;
use kest_identity::TrustDomain;
use kest_testkit::TestClock;
use kest_workload::protocol::EPOCH_EXTENSION;
use kest_workload::{OwnCertificate, PeerTrust, WorkloadListener};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion, version,
};

pub(crate) const CART: &str = "spiffe://example.org/cart";

/// Who issues: a root, or an authority below one.
pub(crate) struct Authority {
    pub(crate) certificate: Vec<u8>,
    pub(crate) issuer: Issuer<'static, KeyPair>,
    /// What stands between it and the root, itself first; nothing for a root.
    pub(crate) chain: Vec<Vec<u8>>,
}

/// A chain, leaf first, and the leaf's key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) key: KeyPair,
}

fn moment(offset: i64) -> time::OffsetDateTime {
    let start = i64::try_from(TestClock::START).unwrap();
    time::OffsetDateTime::from_unix_timestamp(start + offset).unwrap()
}

pub(crate) fn uri(id: &str) -> SanType {
    SanType::URI(id.try_into().unwrap())
}

pub(crate) fn epoch(number: u64) -> CustomExtension {
    // DER: an INTEGER of one byte below 128.
    epoch_bytes(vec![2, 1, u8::try_from(number).unwrap()])
}

pub(crate) fn epoch_bytes(content: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(EPOCH_EXTENSION, content)
}

/// An hour around the moment at which the clock of a test stands.
fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (moment(-60), moment(3600));
    params
}

fn of_authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        let (params, key) = (of_authority(name), KeyPair::generate().unwrap());
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self { certificate, issuer: Issuer::new(params, key), chain: Vec::new() }
    }

    /// An authority below this one.
    pub(crate) fn below(&self, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let (mut params, key) = (of_authority("below"), KeyPair::generate().unwrap());
        edit(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        let chain = std::iter::once(certificate.clone()).chain(self.chain.iter().cloned()).collect();
        Self { certificate, issuer: Issuer::new(params, key), chain }
    }

    /// A certificate as cart's, but for what `edit` changes.
    pub(crate) fn issue(&self, edit: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (params, key) = (leaf(edit), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        let chain = std::iter::once(certificate).chain(self.chain.iter().cloned()).collect();
        Identity { chain, key }
    }
}

/// What cart's certificate says, but for what `edit` changes.
pub(crate) fn leaf(edit: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = params("cart");
    params.subject_alt_names = vec![uri(CART)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    params.custom_extensions = vec![epoch(1)];
    edit(&mut params);
    params
}

pub(crate) fn lifetime(params: &mut CertificateParams, from: i64, to: i64) {
    (params.not_before, params.not_after) = (moment(from), moment(to));
}

/// A service of its own identity, which trusts `root`.
pub(crate) struct Service {
    pub(crate) root: Authority,
    pub(crate) trust: PeerTrust,
    pub(crate) own: OwnCertificate,
    pub(crate) clock: TestClock,
}

impl Service {
    pub(crate) fn new() -> Self {
        let root = Authority::root("root");
        let domain = TrustDomain::parse("example.org").unwrap();
        let trust = PeerTrust::new(domain, std::slice::from_ref(&root.certificate)).unwrap();
        let own = root.issue(|params| params.subject_alt_names = vec![uri("spiffe://example.org/stock")]);
        let own = OwnCertificate::new(&own.chain, &own.key.serialize_der()).unwrap();
        Self { root, trust, own, clock: TestClock::default() }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    pub(crate) async fn listener(&self) -> WorkloadListener {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        WorkloadListener::mutual(tcp, &self.own, &self.trust, &self.clock()).unwrap()
    }
}

/// Greets all whose handshake holds, by the name that it proved.
pub(crate) fn greet(mut listener: WorkloadListener) -> SocketAddr {
    let address = listener.local_address().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _address) = listener.next().await;
            let name = stream.peer().map_or_else(String::new, |peer| peer.workload().to_string());
            stream.write_all(name.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    address
}

/// Connects with `identity`, and believes any server.
pub(crate) async fn connect(
    address: SocketAddr,
    certified: Option<CertifiedKey>,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_from("127.0.0.1:0", address, certified, version).await
}

pub(crate) async fn connect_from(
    from: &str,
    address: SocketAddr,
    certified: Option<CertifiedKey>,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from.parse().unwrap()).unwrap();
    let tcp = socket.connect(address).await.unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believing(aws_lc_rs::default_provider())));
    let config = match certified {
        Some(certified) => config.with_client_cert_resolver(Arc::new(Presenting(Arc::new(certified)))),
        None => config.with_no_client_auth(),
    };
    let name = ServerName::try_from("stock.internal").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// What a peer with this identity is greeted with; an error for one that is refused.
pub(crate) async fn greeting(address: SocketAddr, identity: &Identity) -> std::io::Result<String> {
    greeting_of(connect(address, Some(certified(identity)), &version::TLS13).await).await
}

pub(crate) async fn greeting_of(stream: std::io::Result<TlsStream<TcpStream>>) -> std::io::Result<String> {
    let mut text = String::new();
    stream?.read_to_string(&mut text).await?;
    Ok(text)
}

pub(crate) fn certified(identity: &Identity) -> CertifiedKey {
    let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let provider = aws_lc_rs::default_provider();
    CertifiedKey::new(chain, provider.key_provider.load_private_key(key).unwrap())
}

/// Presents this whatever the server asks for.
#[derive(Debug)]
struct Presenting(Arc<CertifiedKey>);

impl ResolvesClientCert for Presenting {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Believes any server: here the listener is tested.
#[derive(Debug)]
struct Believing(CryptoProvider);

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
