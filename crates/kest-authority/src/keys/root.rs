//! A root of the trust domain: its key, and the certificate that it signed for itself.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_identity::TrustDomain;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
    SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::KeysError;
use super::file::{Secret, StoredRoot};
use crate::certificate::{SKEW_SECONDS, at_second};

/// A root that issues, or did, or will.
pub(crate) struct Root {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pin: [u8; 32],
    used_from: u64,
    not_after: u64,
}

impl Root {
    /// A new root of P-256, as its file keeps it.
    pub(super) fn make(
        domain: &TrustDomain,
        now_millis: u64,
        used_from: u64,
        serial: [u8; 16],
    ) -> Result<StoredRoot, KeysError> {
        let failed = |cause: rcgen::Error| KeysError::Certificate(cause.into());
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let pin = pin_of(&key);
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Kest");
        // Two roots of one domain differ in name, so that a verifier finds the right one at once.
        params.distinguished_name.push(DnType::CommonName, format!("authority {}", named(&pin)));
        let uri = format!("spiffe://{domain}").try_into().map_err(failed)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        // SPIFFE X.509-SVID sections 4.1 and 4.3; issued straight from the root, so that no other authority can be between.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let now = now_millis / 1000;
        let time = |second| at_second(second).ok_or(KeysError::Malformed);
        params.not_before = time(now.saturating_sub(SKEW_SECONDS))?;
        params.not_after = time(now.saturating_add(LIFE_SECONDS))?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        let pkcs8 = Zeroizing::new(key.serialize_der());
        Ok(StoredRoot {
            key: Secret::new(Zeroizing::new(STANDARD.encode(&*pkcs8))),
            certificate: STANDARD.encode(certificate.der()),
            used_from,
        })
    }

    /// Reads what [`make`](Self::make) gave: the key must be the certificate's, and the certificate the domain's.
    pub(super) fn read(stored: &StoredRoot, domain: &TrustDomain) -> Result<Self, KeysError> {
        let pkcs8 = STANDARD.decode(stored.key.reveal()).map(Zeroizing::new);
        let pkcs8 = pkcs8.map_err(|_cause| KeysError::Malformed)?;
        let certificate = STANDARD.decode(&stored.certificate).map_err(|_cause| KeysError::Malformed)?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&(&pkcs8[..]).into(), &rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(|_cause| KeysError::Malformed)?;
        let pin = pin_of(&key);
        let not_after = check(&certificate, &key, domain).ok_or(KeysError::Malformed)?;
        let certificate = CertificateDer::from(certificate);
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_cause| KeysError::Malformed)?;
        Ok(Self { issuer, certificate, pin, used_from: stored.used_from, not_after })
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`: what tickets name it by.
    pub(crate) fn pin(&self) -> &[u8; 32] {
        &self.pin
    }

    /// When it begins to issue, in milliseconds since 1970.
    pub(crate) fn used_from(&self) -> u64 {
        self.used_from
    }

    /// Its last second.
    pub(crate) fn not_after(&self) -> u64 {
        self.not_after
    }

    /// The halves of its public point: RFC 5480 section 2.2, uncompressed.
    pub(crate) fn point(&self) -> Option<(&[u8], &[u8])> {
        let point = self.issuer.key().public_key_raw().strip_prefix(&[4])?;
        point.split_at_checked(32)
    }

    /// A short name for lists and logs.
    pub(crate) fn name(&self) -> String {
        named(&self.pin)
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Root").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The last second of a certificate that is of this key and domain.
fn check(certificate: &[u8], key: &KeyPair, domain: &TrustDomain) -> Option<u64> {
    let (rest, read) = X509Certificate::from_der(certificate).ok()?;
    let names = read.subject_alternative_name().ok()??;
    let uri = format!("spiffe://{domain}");
    let is_named =
        matches!(&names.value.general_names[..], [x509_parser::prelude::GeneralName::URI(it)] if *it == uri);
    let is_its =
        read.public_key().raw == key.subject_public_key_info() && read.verify_signature(None).is_ok();
    let end = u64::try_from(read.validity().not_after.timestamp()).ok()?;
    (rest.is_empty() && is_named && is_its && read.is_ca()).then_some(end)
}

fn pin_of(key: &KeyPair) -> [u8; 32] {
    Sha256::digest(key.subject_public_key_info()).into()
}

fn named(pin: &[u8; 32]) -> String {
    pin.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Two years: a root is replaced by an operator, and leaves live for hours.
const LIFE_SECONDS: u64 = 2 * 365 * 24 * 3600;
