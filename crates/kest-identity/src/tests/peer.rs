//! Certificates that name a workload, and those that name none or more than one.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, SanType};

use super::*;

fn certificate(names: &[SanType], is_ca: IsCa) -> Vec<u8> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.subject_alt_names = names.to_vec();
    parameters.is_ca = is_ca;
    parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn named(uris: &[&str]) -> Result<PeerWorkload, PeerWorkloadError> {
    let names: Vec<SanType> = uris.iter().map(|text| uri(text)).collect();
    PeerWorkload::from_der(&certificate(&names, IsCa::NoCa))
}

#[test]
fn one_spiffe_id_names_the_workload_whatever_hosts_stand_beside_it() {
    let found = named(&["spiffe://example.org/ns/shop/cart-1"]).unwrap();
    assert_eq!(found.workload().as_str(), "spiffe://example.org/ns/shop/cart-1");
    let names = [SanType::DnsName("cart.internal".try_into().unwrap()), uri("spiffe://example.org/cart")];
    let found = PeerWorkload::from_der(&certificate(&names, IsCa::ExplicitNoCa)).unwrap();
    assert_eq!(found.workload().as_str(), "spiffe://example.org/cart");
}

/// Attack: a certificate with a second name, of which another reader takes the other one.
#[test]
fn two_uris_name_no_one() {
    for uris in [
        ["spiffe://example.org/cart", "spiffe://example.org/payments"],
        ["spiffe://example.org/cart", "spiffe://example.org/cart"],
        ["https://example.org/", "spiffe://example.org/cart"],
    ] {
        assert_eq!(named(&uris), Err(PeerWorkloadError::SeveralUris), "{uris:?}");
    }
}

#[test]
fn certificate_without_a_uri_names_no_one() {
    assert_eq!(named(&[]), Err(PeerWorkloadError::NoUri));
    let host = [SanType::DnsName("spiffe.example.org".try_into().unwrap())];
    assert_eq!(PeerWorkload::from_der(&certificate(&host, IsCa::NoCa)), Err(PeerWorkloadError::NoUri));
}

/// Attack: another spelling of the id that the bundle has, or what is no id of a workload.
#[test]
fn what_is_no_spiffe_id_of_a_workload_names_no_one() {
    for text in [
        "https://example.org/cart",
        "SPIFFE://example.org/cart",
        "spiffe:example.org/cart",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe:///cart",
        "spiffe://Example.org/cart",
        "spiffe://example.org:443/cart",
        "spiffe://user@example.org/cart",
        "spiffe://example.org/cart/",
        "spiffe://example.org//cart",
        "spiffe://example.org/a/../cart",
        "spiffe://example.org/./cart",
        "spiffe://example.org/%63art",
        "spiffe://example.org/cart?a=b",
        "spiffe://example.org/cart#a",
        "spiffe://example.org/ca rt",
        "spiffe://example.org/cart\0",
    ] {
        assert_eq!(named(&[text]), Err(PeerWorkloadError::NotAnId), "{text}");
    }
    let long = format!("spiffe://example.org/{}", "a".repeat(2048));
    assert_eq!(named(&[&long]), Err(PeerWorkloadError::NotAnId));
}

/// Attack: an authority's own certificate is presented in the place of a workload's.
#[test]
fn certificate_of_an_authority_names_no_workload() {
    let names = [uri("spiffe://example.org/cart")];
    let authority = certificate(&names, IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(PeerWorkload::from_der(&authority), Err(PeerWorkloadError::Authority));
}

#[test]
fn bytes_that_are_no_certificate_are_refused_and_never_panic() {
    let good = certificate(&[uri("spiffe://example.org/cart")], IsCa::NoCa);
    for length in 0..good.len() {
        assert_eq!(PeerWorkload::from_der(&good[..length]), Err(PeerWorkloadError::Unreadable), "{length}");
    }
    let followed = [good.as_slice(), b"\0"].concat();
    assert_eq!(PeerWorkload::from_der(&followed), Err(PeerWorkloadError::Unreadable));
    for place in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[place] ^= 1 << bit;
            let _never_panics = PeerWorkload::from_der(&changed).is_ok();
        }
    }
}
