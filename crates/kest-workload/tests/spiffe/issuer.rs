//! Who issues the certificates that the fake agent hands out.

use kest_testkit::TestClock;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::agent::{Answer, Svid, SvidResponse};

pub(crate) const CART: &str = "spiffe://example.org/cart";
pub(crate) const STOCK: &str = "spiffe://example.org/stock";

/// A root of a trust domain.
pub(crate) struct Root {
    pub(crate) certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    pub(crate) fn new(domain: &str) -> Self {
        let mut params = params(&format!("spiffe://{domain}"), -60, 86_400);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// An SVID of one hour.
    pub(crate) fn svid(&self, id: &str) -> Svid {
        self.svid_for(id, -60, 3600)
    }

    /// From and until so many seconds from the start of the test's clock.
    pub(crate) fn svid_for(&self, id: &str, from: i64, until: i64) -> Svid {
        let mut params = params(id, from, until);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        Svid {
            spiffe_id: id.to_owned(),
            x509_svid: params.signed_by(&key, &self.issuer).unwrap().der().to_vec(),
            x509_svid_key: key.serialize_der(),
            bundle: self.certificate.clone(),
            hint: String::new(),
        }
    }
}

fn params(id: &str, from: i64, until: i64) -> CertificateParams {
    let start = i64::try_from(TestClock::START).unwrap();
    let moment = |offset| time::OffsetDateTime::from_unix_timestamp(start + offset).unwrap();
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (moment(from), moment(until));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "SPIRE");
    params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
    params
}

pub(crate) fn answer(svids: impl IntoIterator<Item = Svid>) -> Answer {
    Answer::Svids(SvidResponse { svids: svids.into_iter().collect(), ..SvidResponse::default() })
}
