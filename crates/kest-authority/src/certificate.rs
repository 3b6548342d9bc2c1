//! Certificates of workloads: SPIFFE X.509-SVIDs, made of a key and of what the authority knows, and of nothing else.

use std::fmt;
use std::net::IpAddr;

use kest_core::signature::PublicKey;
use kest_core::{Random, RandomError};
use kest_identity::SpiffeId;
use kest_workload::protocol::{EPOCH_EXTENSION, Epoch};
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use crate::keys::Root;

/// The public key of a certificate request whose signature holds: all that is used of one.
pub(crate) struct RequestedKey(SubjectPublicKeyInfo);

impl RequestedKey {
    /// Reads a certificate request (RFC 2986) of P-256 or Ed25519.
    pub(crate) fn from_request(der: &[u8]) -> Result<Self, RequestError> {
        let malformed = |_cause| RequestError::Malformed;
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(malformed)?;
        if !rest.is_empty() {
            return Err(RequestError::Malformed);
        }
        let key = request.certification_request_info.subject_pki.raw;
        let key = SubjectPublicKeyInfo::from_der(key).map_err(|_cause| RequestError::Algorithm)?;
        Self::check_key(&key)?;
        // RFC 2986 section 4.2: the signature is the proof that the applicant has the key.
        request.verify_signature().map_err(|_cause| RequestError::Signature)?;
        Ok(Self(key))
    }

    /// The key of a server of this process.
    pub(crate) fn of(key: &rcgen::KeyPair) -> Result<Self, RequestError> {
        let key = SubjectPublicKeyInfo::from_der(&key.subject_public_key_info());
        key.map(Self).map_err(|_cause| RequestError::Algorithm)
    }

    fn check_key(key: &SubjectPublicKeyInfo) -> Result<(), RequestError> {
        if key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256 {
            // Whether the point is on the curve is seen where the signature is verified.
            return Ok(());
        }
        let bytes = key.der_bytes().try_into().map_err(|_cause| RequestError::Algorithm)?;
        if key.algorithm() != &rcgen::PKCS_ED25519 || PublicKey::from_bytes(bytes).is_err() {
            return Err(RequestError::Algorithm);
        }
        Ok(())
    }
}

impl fmt::Debug for RequestedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestedKey").finish_non_exhaustive()
    }
}

/// A certificate request is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("certificate request is malformed")]
    Malformed,
    #[error("certificate request has a key of another kind")]
    Algorithm,
    #[error("signature of the certificate request does not hold")]
    Signature,
}

/// What a certificate says of its holder.
#[derive(Debug)]
pub(crate) struct Subject<'it> {
    pub(crate) identity: &'it SpiffeId,
    /// None for the authority itself.
    pub(crate) epoch: Option<Epoch>,
    /// DNS names and IP addresses, of the authority alone.
    pub(crate) server_names: &'it [String],
}

/// A certificate, and its last moment in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) not_after: u64,
}

/// Issues a certificate from `root` that ends at `until` (milliseconds since 1970), or with the root.
pub(crate) fn issue(
    root: &Root,
    key: &RequestedKey,
    subject: &Subject<'_>,
    now: u64,
    until: u64,
    random: &dyn Random,
) -> Result<Leaf, IssueError> {
    let (now, end) = (now / 1000, (until / 1000).min(root.not_after()));
    if end <= now {
        return Err(IssueError::RootOver);
    }
    let mut serial = [0; 16];
    random.fill(&mut serial)?;
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = at_second(now.saturating_sub(SKEW_SECONDS)).ok_or(IssueError::Time)?;
    params.not_after = at_second(end).ok_or(IssueError::Time)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Kest");
    params.subject_alt_names = names(subject)?;
    // SPIFFE X.509-SVID sections 4.1, 4.3 and 4.4.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    // RFC 5280 section 4.2.1.1.
    params.use_authority_key_identifier_extension = true;
    if let Some(epoch) = subject.epoch {
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(EPOCH_EXTENSION, integer(epoch.number())));
    }
    let certificate =
        params.signed_by(&key.0, root.issuer()).map_err(|cause| IssueError::Make(cause.into()))?;
    Ok(Leaf { der: certificate.der().clone(), not_after: end.saturating_mul(1000) })
}

/// Exactly one URI, and what the listeners are called.
fn names(subject: &Subject<'_>) -> Result<Vec<SanType>, IssueError> {
    let failed = |cause: rcgen::Error| IssueError::Make(cause.into());
    let mut names = vec![SanType::URI(subject.identity.as_str().try_into().map_err(failed)?)];
    for name in subject.server_names {
        names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_no_address) => SanType::DnsName(name.as_str().try_into().map_err(failed)?),
        });
    }
    Ok(names)
}

/// X.690 section 8.3: the fewest bytes, with a sign.
fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
    let digits = bytes.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + digits.len()).unwrap_or(u8::MAX);
    [&[INTEGER_TAG, length], sign, digits].concat()
}

/// A certificate was not issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error("root of the authority is over")]
    RootOver,
    #[error("time of the authority cannot be written")]
    Time,
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("certificate cannot be made")]
    Make(#[source] kest_core::BoxError),
}

pub(crate) fn at_second(second: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(second).ok()?).ok()
}

/// So much earlier than now a certificate begins, for peers whose clock is behind.
pub(crate) const SKEW_SECONDS: u64 = 60;

const INTEGER_TAG: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_is_written_as_the_shortest_integer() {
        for (number, der) in [
            (0, &[2, 1, 0][..]),
            (1, &[2, 1, 1]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (256, &[2, 2, 1, 0]),
            (u64::MAX, &[2, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            assert_eq!(integer(number), der, "{number}");
        }
    }
}
