//! Certificates as others read them: openssl with its strict checks, webpki, and a reader of X.509.

use std::process::Command;
use std::time::Duration;

use kest_authority::{Place, Store as _};
use kest_core::Clock as _;
use kest_workload::protocol::{EPOCH_EXTENSION, Issued};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::rig::{Applicant, Rig, id, leaf};

fn openssl(arguments: &[&str], root: &CertificateDer<'_>, leaf: &CertificateDer<'_>) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let pem = |name: &str, der: &[u8]| {
        let (from, to) = (folder.path().join(format!("{name}.der")), folder.path().join(name));
        std::fs::write(&from, der).unwrap();
        let mut converted = Command::new("openssl");
        converted.args(["x509", "-inform", "DER", "-in"]).arg(&from).arg("-out").arg(&to);
        assert!(converted.status().unwrap().success(), "openssl reads {name}");
        to
    };
    let (root, leaf) = (pem("root", root), pem("leaf", leaf));
    let mut verify = Command::new("openssl");
    let output = verify.arg("verify").args(arguments).arg("-CAfile").arg(root).arg(leaf).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

async fn both_kinds(rig: &Rig) -> Vec<Issued> {
    let mut issued = Vec::new();
    for (name, algorithm) in [("p256", &rcgen::PKCS_ECDSA_P256_SHA256), ("ed25519", &rcgen::PKCS_ED25519)] {
        let applicant = Applicant::with_key(rcgen::KeyPair::generate_for(algorithm).unwrap());
        let ticket = rig.ticket(name, Place::Free).await;
        issued.push(rig.authority.enrol(&applicant.request(rig, &ticket).await).await.unwrap());
    }
    issued
}

#[tokio::test]
async fn openssl_finds_nothing_against_them_when_it_is_strict() {
    let rig = Rig::start().await;
    let root = rig.roots().await.remove(0);
    for issued in both_kinds(&rig).await {
        for purpose in ["sslclient", "sslserver"] {
            let (holds, said) = openssl(&["-x509_strict", "-purpose", purpose], &root, &leaf(&issued));
            assert!(holds, "{purpose}: {said}");
        }
    }
    // What else holds shows that this check can fail: the leaf is no root.
    let issued = both_kinds(&Rig::start().await).await.remove(0);
    let (holds, said) = openssl(&["-x509_strict"], &root, &leaf(&issued));
    assert!(!holds, "{said}");
}

#[tokio::test]
async fn webpki_takes_them_for_clients_and_servers_while_they_live() {
    let rig = Rig::start().await;
    let root = rig.roots().await.remove(0);
    let anchors = [anchor_from_trusted_cert(&root).unwrap()];
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let at = |second: u64| UnixTime::since_unix_epoch(Duration::from_secs(second));
    let now = rig.clock.unix_seconds();
    for issued in both_kinds(&rig).await {
        let leaf = leaf(&issued);
        let leaf = EndEntityCert::try_from(&leaf).unwrap();
        for usage in [KeyUsage::client_auth(), KeyUsage::server_auth()] {
            let judged =
                |second| leaf.verify_for_usage(algorithms, &anchors, &[], at(second), usage, None, None);
            for second in [now - 60, now, now + 3599] {
                assert!(judged(second).is_ok(), "{}", second.abs_diff(now));
            }
            assert!(judged(now - 61).is_err() && judged(now + 3601).is_err());
        }
    }
}

/// The crate `spiffe` has the standard's rules of its own.
#[tokio::test]
async fn another_reader_of_svids_takes_them_and_their_root() {
    let rig = Rig::start().await;
    let root = rig.roots().await.remove(0);
    let key = rcgen::KeyPair::generate().unwrap().serialize_der();
    for issued in both_kinds(&rig).await {
        let read = spiffe::X509Svid::parse_from_der(&leaf(&issued), &key).unwrap();
        assert_eq!(read.spiffe_id().to_string(), issued.identity);
    }
    let domain = spiffe::TrustDomain::new("example.org").unwrap();
    assert_eq!(spiffe::X509Bundle::parse_from_der(domain, &root).unwrap().authorities().len(), 1);
    // That this check can fail: the root is no leaf.
    assert!(spiffe::X509Svid::parse_from_der(&root, &key).is_err());
}

/// SPIFFE X.509-SVID sections 2 to 4.
#[tokio::test]
async fn leaf_says_what_the_standard_asks_and_no_more() {
    let rig = Rig::start().await;
    let (_, issued) = rig.enrolled("cart").await;
    let leaf = leaf(&issued);
    let (_rest, read) = X509Certificate::from_der(&leaf).unwrap();
    let names = &read.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(names[..], [GeneralName::URI("spiffe://example.org/cart")]), "{names:?}");
    let usage = read.key_usage().unwrap().unwrap();
    // One flag: digitalSignature.
    assert_eq!((usage.critical, usage.value.flags), (true, 1));
    let constraints = read.basic_constraints().unwrap().unwrap();
    assert_eq!((constraints.critical, constraints.value.ca), (true, false));
    let extended = read.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && extended.client_auth && !extended.any && extended.other.is_empty());
    let epoch = x509_parser::asn1_rs::Oid::from(EPOCH_EXTENSION).unwrap();
    let epoch = read.get_extension_unique(&epoch).unwrap().unwrap();
    assert_eq!((epoch.critical, epoch.value), (false, &[2, 1, 1][..]));
    assert!(read.raw_serial().len() >= 15 && read.raw_serial().len() <= 17, "128 random bits");
    let life = read.validity().not_after.timestamp() - read.validity().not_before.timestamp();
    assert_eq!(life, 3600 + 60);
    let (_, other) = rig.enrolled("stock").await;
    let other = crate::rig::leaf(&other);
    assert_ne!(X509Certificate::from_der(&other).unwrap().1.raw_serial(), read.raw_serial());
}

#[tokio::test]
async fn root_says_what_the_standard_asks() {
    let rig = Rig::start().await;
    let root = rig.roots().await.remove(0);
    let (_rest, read) = X509Certificate::from_der(&root).unwrap();
    let names = &read.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(names[..], [GeneralName::URI("spiffe://example.org")]), "{names:?}");
    let constraints = read.basic_constraints().unwrap().unwrap();
    let length = constraints.value.path_len_constraint;
    assert_eq!((constraints.critical, constraints.value.ca, length), (true, true, Some(0)));
    let usage = read.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
    assert!(!usage.value.digital_signature());
}

/// Attack: an operator's slip makes identities that outlive their authority.
#[tokio::test]
async fn certificate_ends_with_its_root_and_none_is_issued_after_it() {
    let rig = Rig::start().await;
    let root = rig.roots().await.remove(0);
    let end = X509Certificate::from_der(&root).unwrap().1.validity().not_after.timestamp();
    let end = u64::try_from(end).unwrap();
    rig.clock.set(end - 600);
    let (_, issued) = rig.enrolled("cart").await;
    let leaf = leaf(&issued);
    let ends = X509Certificate::from_der(&leaf).unwrap().1.validity().not_after.timestamp();
    assert_eq!(u64::try_from(ends).unwrap(), end);
    rig.clock.set(end);
    let ticket = rig.ticket("stock", Place::Free).await;
    let refused = rig.authority.enrol(&Applicant::new().request(&rig, &ticket).await).await;
    assert_eq!(refused.unwrap_err().kind(), "issue");
}

/// Attack: a setting with a digit too many.
#[tokio::test]
async fn lives_over_their_bounds_begin_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(24 * 3600);
    let start = async |certificate: Duration, token: Duration| {
        let keys = kest_authority::AuthorityKeys::open(folder.path()).unwrap();
        let store = std::sync::Arc::new(kest_authority::MemoryStore::new());
        let builder = kest_authority::Authority::builder(keys, store);
        builder.certificate_life(certificate).token_life(token).start().await.map(|_authority| ())
    };
    let _keys = crate::rig::keys(folder.path(), &kest_core::SystemClock);
    let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
    assert!(start(day + second, minute).await.unwrap_err().to_string().contains("certificates"));
    assert!(start(Duration::ZERO, minute).await.is_err());
    assert!(start(day, Duration::from_secs(3601)).await.unwrap_err().to_string().contains("tokens"));
    assert!(start(day, minute).await.is_ok());
}

/// Attack: a ticket for the authority's own name that something else put into its store.
#[tokio::test]
async fn identity_of_the_authority_is_given_by_no_ticket() {
    let rig = Rig::start().await;
    let text = kest_workload::protocol::TicketText::generate([0; 32], &kest_core::OsRandom).unwrap();
    let now = rig.clock.unix_millis();
    let ticket = kest_authority::NewTicket {
        hash: text.hash(),
        identity: id("kest/authority"),
        created: now,
        expires: now + 1000,
        place: Place::Taken,
    };
    rig.store.add_ticket(&ticket).await.unwrap();
    let refused = rig.authority.enrol(&Applicant::new().request(&rig, &text.reveal()).await).await;
    assert_eq!(refused.unwrap_err().kind(), "issue");
}
