//! Certificates that name no peer, each refused in the handshake and for its own reason.

use kest_workload::protocol::{Epoch, Revocation};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use tokio_rustls::rustls::version;

use crate::rig::{
    Authority, CART, Identity, Service, certified, connect, epoch, epoch_bytes, greet, greeting, greeting_of,
    leaf, lifetime, uri,
};

/// Attack: a certificate of the right root that is wrong in one thing.
struct Wrong {
    name: &'static str,
    kind: &'static str,
    edit: fn(&mut CertificateParams),
}

fn names(params: &mut CertificateParams, ids: &[&str]) {
    params.subject_alt_names = ids.iter().map(|id| uri(id)).collect();
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

const fn wrong(name: &'static str, kind: &'static str, edit: fn(&mut CertificateParams)) -> Wrong {
    Wrong { name, kind, edit }
}

const WRONG: &[Wrong] = &[
    wrong("other trust domain", "trust_domain", |it| names(it, &["spiffe://evil.example/cart"])),
    wrong("trust domain as a prefix", "trust_domain", |it| {
        names(it, &["spiffe://example.org.evil.example/cart"]);
    }),
    wrong("trust domain as a path", "trust_domain", |it| {
        names(it, &["spiffe://evil.example/example.org/cart"]);
    }),
    wrong("trust domain in capitals", "name", |it| names(it, &["spiffe://EXAMPLE.ORG/cart"])),
    wrong("trust domain without a workload", "name", |it| names(it, &["spiffe://example.org"])),
    wrong("empty path", "name", |it| names(it, &["spiffe://example.org/"])),
    wrong("slash at the end", "name", |it| names(it, &["spiffe://example.org/cart/"])),
    wrong("dot segments", "name", |it| names(it, &["spiffe://example.org/x/../cart"])),
    wrong("escaped letter", "name", |it| names(it, &["spiffe://example.org/c%61rt"])),
    wrong("query", "name", |it| names(it, &["spiffe://example.org/cart?x=1"])),
    wrong("fragment", "name", |it| names(it, &["spiffe://example.org/cart#x"])),
    wrong("port", "name", |it| names(it, &["spiffe://example.org:443/cart"])),
    wrong("user", "name", |it| names(it, &["spiffe://user@example.org/cart"])),
    wrong("scheme in capitals", "name", |it| names(it, &["SPIFFE://example.org/cart"])),
    wrong("another scheme", "name", |it| names(it, &["https://example.org/cart"])),
    wrong("name of over 256 bytes", "name", |it| {
        names(it, &[&format!("spiffe://example.org/{}", "a".repeat(300))]);
    }),
    wrong("two workloads", "name", |it| names(it, &[CART, "spiffe://example.org/payments"])),
    wrong("one workload twice", "name", |it| names(it, &[CART, CART])),
    wrong("second uri of another scheme", "name", |it| names(it, &[CART, "https://example.org/"])),
    wrong("no uri", "name", |it| it.subject_alt_names = vec![dns("cart.example.org")]),
    wrong("no names at all", "name", |it| it.subject_alt_names = Vec::new()),
    wrong("workload in the common name", "name", |it| {
        it.subject_alt_names = Vec::new();
        it.distinguished_name = DistinguishedName::new();
        it.distinguished_name.push(DnType::CommonName, CART);
    }),
    wrong("workload as an email address", "name", |it| {
        it.subject_alt_names = vec![SanType::Rfc822Name(CART.try_into().unwrap())];
    }),
    wrong("expired", "certificate", |it| lifetime(it, -7200, -1)),
    wrong("not yet valid", "certificate", |it| lifetime(it, 60, 3600)),
    wrong("authority as a leaf", "certificate", |it| {
        it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }),
    wrong("leaf that may sign certificates", "name", |it| it.key_usages.push(KeyUsagePurpose::KeyCertSign)),
    wrong("leaf that may sign revocations", "name", |it| it.key_usages.push(KeyUsagePurpose::CrlSign)),
    wrong("for servers alone", "certificate", |it| {
        it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }),
    wrong("for signing code", "certificate", |it| {
        it.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    }),
    wrong("unknown critical extension", "certificate", |it| {
        let mut extension = CustomExtension::from_oid_content(&[2, 25, 1], vec![5, 0]);
        extension.set_criticality(true);
        it.custom_extensions.push(extension);
    }),
    wrong("epoch that is no number", "malformed", |it| it.custom_extensions = vec![epoch_bytes(vec![5, 0])]),
    wrong("epoch below zero", "malformed", |it| it.custom_extensions = vec![epoch_bytes(vec![2, 1, 0xff])]),
    wrong("epoch of nine bytes", "malformed", |it| {
        it.custom_extensions = vec![epoch_bytes(vec![2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0])];
    }),
    wrong("epoch with something behind it", "malformed", |it| {
        it.custom_extensions = vec![epoch_bytes(vec![2, 1, 9, 0])];
    }),
    wrong("two epochs", "malformed", |it| it.custom_extensions = vec![epoch(9), epoch(8)]),
    wrong("revoked epoch", "void", |it| it.custom_extensions = vec![epoch(0)]),
    wrong("no epoch where epochs were revoked", "void", |it| it.custom_extensions = Vec::new()),
];

/// Counts why handshakes were refused, on this thread, which the tests' runtimes have alone.
struct Outcomes(Snapshotter);

impl Outcomes {
    fn watch() -> (Self, metrics::LocalRecorderGuard<'static>) {
        let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
        (Self(recorder.snapshotter()), metrics::set_default_local_recorder(recorder))
    }

    /// The outcomes since the last call.
    fn since(&self) -> Vec<String> {
        let counted = self.0.snapshot().into_vec().into_iter().filter_map(|(key, _, _, value)| {
            let outcome = key.key().labels().find(|label| label.key() == "outcome")?.value().to_owned();
            (value != DebugValue::Counter(0)).then_some(outcome)
        });
        counted.collect()
    }
}

#[expect(clippy::future_not_send, reason = "a recorder of this thread is what it watches")]
async fn check_refused(service: &Service, name: &str, kind: &str, identity: &Identity) {
    let (outcomes, _guard) = Outcomes::watch();
    let address = greet(service.listener().await);
    let greeted = greeting(address, identity).await;
    assert!(greeted.is_err(), "{name}: {greeted:?}");
    assert_eq!(outcomes.since(), [kind], "{name}");
}

fn service() -> Service {
    let service = Service::new();
    service.trust.epochs().revoked(&[Revocation { identity: CART.to_owned(), epoch: Epoch::new(0) }]);
    service
}

#[tokio::test]
async fn certificates_that_are_wrong_in_one_thing_are_refused() {
    let service = service();
    for Wrong { name, kind, edit } in WRONG {
        check_refused(&service, name, kind, &service.root.issue(edit)).await;
    }
    let address = greet(service.listener().await);
    assert_eq!(greeting(address, &service.root.issue(|_| ())).await.unwrap(), CART, "nothing is wrong here");
}

#[tokio::test]
async fn certificates_of_others_than_the_roots_are_refused() {
    let service = service();
    let key = || KeyPair::generate().unwrap();
    let self_signed = |params: CertificateParams| {
        let key = key();
        Identity { chain: vec![params.self_signed(&key).unwrap().der().to_vec()], key }
    };
    let other = Authority::root("other");
    let namesake = Authority::root("root");
    let of_leaf = {
        let signer = service.root.issue(|_| ());
        let key = key();
        let issuer = Issuer::new(leaf(|_| ()), signer.key);
        let signed = leaf(|_| ()).signed_by(&key, &issuer).unwrap().der().to_vec();
        Identity { chain: std::iter::once(signed).chain(signer.chain).collect(), key }
    };
    let with_root = {
        let mut identity = namesake.issue(|_| ());
        identity.chain.push(namesake.certificate.clone());
        identity.chain.push(service.root.certificate.clone());
        identity
    };
    for (name, identity) in [
        ("self-signed", self_signed(leaf(|_| ()))),
        ("self-signed authority", {
            self_signed(leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)))
        }),
        ("unknown root", other.issue(|_| ())),
        ("unknown root with our root's name", namesake.issue(|_| ())),
        ("unknown root that is sent along beside ours", with_root),
        ("signed by another workload", of_leaf),
        ("authority below an unknown one", other.below(|_| ()).issue(|_| ())),
    ] {
        check_refused(&service, name, "certificate", &identity).await;
    }
}

#[tokio::test]
async fn chains_that_their_authorities_do_not_allow_are_refused() {
    let service = service();
    let root = &service.root;
    let ends = root.below(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let missing =
        Identity { chain: vec![root.below(|_| ()).issue(|_| ()).chain[0].clone()], ..root.issue(|_| ()) };
    let constrained = root.below(|params| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("other.example".to_owned())];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    });
    let broken = {
        let mut identity = root.issue(|_| ());
        *identity.chain[0].last_mut().unwrap() ^= 1;
        identity
    };
    let followed = {
        let mut identity = root.issue(|_| ());
        identity.chain[0].push(0);
        identity
    };
    for (name, identity) in [
        ("one authority more than the path may have", ends.below(|_| ()).issue(|_| ())),
        ("authority below that has ended", root.below(|params| lifetime(params, -7200, -1)).issue(|_| ())),
        ("authority below that is not sent", missing),
        ("authority below that may not sign", {
            root.below(|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]).issue(|_| ())
        }),
        ("host that the authority may not name", {
            constrained.issue(|params| params.subject_alt_names.push(dns("cart.example.org")))
        }),
        ("broken signature", broken),
        ("bytes behind the certificate", followed),
    ] {
        check_refused(&service, name, "certificate", &identity).await;
    }
}

#[tokio::test]
async fn certificate_of_another_without_its_key_is_refused() {
    let service = service();
    let (victim, thief) = (service.root.issue(|_| ()), KeyPair::generate().unwrap());
    check_refused(&service, "stolen", "certificate", &Identity { chain: victim.chain, key: thief }).await;
}

#[tokio::test]
async fn older_epoch_is_refused_once_a_later_one_came() {
    let service = Service::new();
    let of = |number| service.root.issue(move |params| params.custom_extensions = vec![epoch(number)]);
    let address = greet(service.listener().await);
    assert_eq!(greeting(address, &of(2)).await.unwrap(), CART);
    check_refused(&service, "older", "void", &of(1)).await;
    assert_eq!(greeting(address, &of(2)).await.unwrap(), CART);
}

#[tokio::test]
async fn certificate_of_a_root_that_was_taken_out_is_refused() {
    let service = Service::new();
    let next = Authority::root("next");
    let (before, after) = (service.root.issue(|_| ()), next.issue(|_| ()));
    let address = greet(service.listener().await);
    assert!(greeting(address, &before).await.is_ok() && greeting(address, &after).await.is_err());
    service.trust.replace_roots(&[service.root.certificate.clone(), next.certificate.clone()]).unwrap();
    assert!(greeting(address, &before).await.is_ok() && greeting(address, &after).await.is_ok());
    service.trust.replace_roots(std::slice::from_ref(&next.certificate)).unwrap();
    assert!(greeting(address, &before).await.is_err() && greeting(address, &after).await.is_ok());
}

#[tokio::test]
async fn peer_without_a_certificate_or_with_an_older_tls_is_refused() {
    let service = Service::new();
    let (outcomes, _guard) = Outcomes::watch();
    let address = greet(service.listener().await);
    let none = greeting_of(connect(address, None, &version::TLS13).await).await;
    assert!(none.is_err(), "{none:?}");
    assert_eq!(outcomes.since(), ["no_certificate"]);
    let good = certified(&service.root.issue(|_| ()));
    let old = greeting_of(connect(address, Some(good), &version::TLS12).await).await;
    assert!(old.is_err(), "{old:?}");
    assert!(outcomes.since().contains(&"version".to_owned()));
}
