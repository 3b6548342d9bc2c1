//! Enrolment by ticket, and each attack on it: one refusal, and the incumbent goes on.

use kest_authority::{Authority, EnrolError, Place, Store as _};
use kest_core::OsRandom;
use kest_core::signature::{Ed25519Signer, WorkloadId};
use kest_workload::protocol::{EnrolRequest, EntryKey, Epoch, Proof};
use rcgen::KeyPair;
use std::time::Duration;

use crate::rig::{Applicant, Rig, base64, id, signed};

#[tokio::test]
async fn ticket_begins_the_identity_that_it_is_for() {
    let rig = Rig::start().await;
    let (applicant, issued) = rig.enrolled("cart").await;
    assert_eq!((issued.identity.as_str(), issued.epoch), ("spiffe://example.org/cart", Epoch::FIRST));
    assert_eq!(issued.workload_url, "https://localhost:8444");
    let cart = rig.store.workload(&id("cart")).await.unwrap().unwrap();
    assert_eq!(cart.entry_keys.first().unwrap().key, applicant.entry_key());
}

/// Attack: a ticket that was copied from where it was handed over.
#[tokio::test]
async fn ticket_used_twice_is_refused_and_the_incumbent_goes_on() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Taken).await;
    rig.authority.enrol(&Applicant::new().request(&rig, &ticket).await).await.unwrap();
    let thief = Applicant::new().request(&rig, &ticket).await;
    assert_eq!(rig.refused(&thief).await, "ticket_used");
    let Err(EnrolError::TicketUsed(alarm)) = rig.authority.enrol(&thief).await else {
        panic!("not an alarm")
    };
    assert_eq!((alarm.identity, alarm.uses), (id("cart"), 3));
}

/// Attack: both at once, on two threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticket_used_twice_at_once_enrols_one() {
    let rig = Rig::start().await;
    for _round in 0..20 {
        let ticket = rig.ticket("cart", Place::Taken).await;
        let tasks: Vec<_> = [Applicant::new(), Applicant::new()].into_iter().collect();
        let mut running = tokio::task::JoinSet::new();
        for applicant in tasks {
            let (request, authority) = (applicant.request(&rig, &ticket).await, rig.authority.clone());
            running.spawn(async move { authority.enrol(&request).await.map_err(|error| error.kind()) });
        }
        let outcomes = running.join_all().await;
        assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter_map(|it| it.as_ref().err()).collect::<Vec<_>>(), [&"ticket_used"]);
    }
}

/// Attack: a ticket that was found later.
#[tokio::test]
async fn expired_ticket_is_refused() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    rig.clock.advance(Authority::TICKET_LIFE);
    let late = Applicant::new().request(&rig, &ticket).await;
    assert_eq!(rig.refused(&late).await, "ticket_expired");
}

/// Attack: tickets that were never given out, in the right form and in others.
#[tokio::test]
async fn guessed_ticket_is_refused() {
    let rig = Rig::start().await;
    let real = rig.ticket("cart", Place::Free).await;
    let guessed = kest_workload::protocol::TicketText::generate([0; 32], &OsRandom).unwrap();
    let (upper, cut) = (real.to_uppercase(), real.get(1..).unwrap());
    for ticket in [guessed.reveal().as_str(), upper.as_str(), "x", cut] {
        let request = Applicant::new().request(&rig, ticket).await;
        assert_eq!(rig.refused(&request).await, "no_ticket", "{ticket}");
    }
    let long = Applicant::new().request(&rig, &"x".repeat(10_000)).await;
    assert_eq!(rig.refused(&long).await, "too_long");
}

/// Attack: the holder of a ticket asks for another identity: in the names of the certificate request, which count for
/// nothing.
#[tokio::test]
async fn ticket_is_for_its_identity_whatever_the_certificate_request_names() {
    let rig = Rig::start().await;
    let mut params = rcgen::CertificateParams::new(["stock.internal".to_owned()]).unwrap();
    params.subject_alt_names.push(rcgen::SanType::URI("spiffe://example.org/stock".try_into().unwrap()));
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let mut applicant = Applicant::new();
    applicant.csr = params.serialize_request(&applicant.key).unwrap().der().to_vec();
    let ticket = rig.ticket("cart", Place::Free).await;
    let issued = rig.authority.enrol(&applicant.request(&rig, &ticket).await).await.unwrap();
    let leaf = crate::rig::leaf(&issued);
    let peer = kest_identity::PeerWorkload::from_der(&leaf).unwrap();
    assert_eq!(peer.workload().as_str(), "spiffe://example.org/cart");
    assert!(!leaf.windows(5).any(|bytes| bytes == b"stock"), "nothing of the request but its key");
}

/// Attack: a certificate for a key that the applicant does not have.
#[tokio::test]
async fn certificate_request_that_its_key_did_not_sign_is_refused() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let mut applicant = Applicant::new();
    // Its last byte is the signature's.
    *applicant.csr.last_mut().unwrap() ^= 1;
    assert_eq!(rig.refused(&applicant.request(&rig, &ticket).await).await, "csr_signature");
    for malformed in [Vec::new(), b"x".to_vec(), [Applicant::new().csr, vec![0]].concat()] {
        applicant.csr = malformed;
        assert_eq!(rig.refused(&applicant.request(&rig, &ticket).await).await, "csr_malformed");
    }
    let good = Applicant::new().request(&rig, &ticket).await;
    rig.authority.enrol(&good).await.unwrap();
}

/// Attack: a key that is easier to break, or that stands for several.
#[tokio::test]
async fn certificate_request_of_another_kind_of_key_is_refused() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let p384 = Applicant::with_key(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap());
    assert_eq!(rig.refused(&p384.request(&rig, &ticket).await).await, "csr_key");
    let ed25519 = Applicant::with_key(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    rig.authority.enrol(&ed25519.request(&rig, &ticket).await).await.unwrap();
}

/// Attack: a ticket for an identity that another process has, and that is alive.
#[tokio::test]
async fn identity_that_is_alive_is_not_taken_over() {
    let rig = Rig::start().await;
    rig.enrolled("cart").await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let request = Applicant::new().request(&rig, &ticket).await;
    assert_eq!(rig.refused(&request).await, "alive");
    // The operator said so.
    let replacing = rig.ticket("cart", Place::Taken).await;
    let next = rig.authority.enrol(&Applicant::new().request(&rig, &replacing).await).await.unwrap();
    assert_eq!(next.epoch, Epoch::new(2));
    // It is over.
    rig.clock.advance(Duration::from_secs(3600));
    let late = rig.ticket("cart", Place::Free).await;
    let after = rig.authority.enrol(&Applicant::new().request(&rig, &late).await).await.unwrap();
    assert_eq!(after.epoch, Epoch::new(3));
}

async fn with_current(request: EnrolRequest, current: &Ed25519Signer, proof: &Proof) -> EnrolRequest {
    let current_key = Some(EntryKey::of(kest_core::signature::SigningKey::public_key(current)));
    EnrolRequest { current_key, current_proof: Some(signed(current, proof).await), ..request }
}

/// A service that starts again with its entry key, and attacks with keys that are not its present one.
#[tokio::test]
async fn identity_that_is_alive_is_succeeded_by_its_present_key_alone() {
    let rig = Rig::start().await;
    let (cart, _) = rig.enrolled("cart").await;
    let (stock, _) = rig.enrolled("stock").await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let next = Applicant::new();
    let (request, proof) = (next.request(&rig, &ticket).await, next.proof(&rig, &ticket));
    let by_stock = with_current(request.clone(), &stock.entry, &proof).await;
    assert_eq!(rig.refused(&by_stock).await, "alive");
    let mut stolen = with_current(request.clone(), &stock.entry, &proof).await;
    stolen.current_key = Some(cart.entry_key());
    assert_eq!(rig.refused(&stolen).await, "proof", "the key of one and the signature of another");
    let keyless =
        EnrolRequest { current_key: None, ..with_current(request.clone(), &cart.entry, &proof).await };
    assert_eq!(rig.refused(&keyless).await, "proof_missing");
    let other = Applicant::new().proof(&rig, &ticket);
    let replayed = with_current(request.clone(), &cart.entry, &other).await;
    assert_eq!(rig.refused(&replayed).await, "proof_purpose", "what cart signed for another successor");
    let issued = rig.authority.enrol(&with_current(request, &cart.entry, &proof).await).await.unwrap();
    assert_eq!(issued.epoch, Epoch::new(2));
}

/// Attack: a proof that was signed for another request, authority or time.
#[tokio::test]
async fn proof_for_another_request_or_time_is_refused() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let applicant = Applicant::new();
    let good = applicant.proof(&rig, &ticket);
    let other = Applicant::new().proof(&rig, "other");
    for (proof, kind) in [
        (Proof { csr: other.csr.clone(), ..good.clone() }, "proof_purpose"),
        (Proof { aud: "spiffe://example.com".into(), ..good.clone() }, "proof_purpose"),
        (Proof { evidence: other.evidence.clone(), ..good.clone() }, "proof_purpose"),
        (Proof { evidence: String::new(), ..good.clone() }, "proof_purpose"),
        (Proof { entry_key: other.entry_key.clone(), ..good.clone() }, "proof_purpose"),
        (Proof { iat: good.iat - 61, ..good.clone() }, "proof_time"),
        (Proof { iat: good.iat + 61, ..good.clone() }, "proof_time"),
    ] {
        let request = applicant.request_with(&proof, &ticket).await;
        assert_eq!(rig.refused(&request).await, kind, "{proof:?}");
    }
    let mut foreign = applicant.request(&rig, &ticket).await;
    foreign.proof = signed(&Applicant::new().entry, &good).await;
    assert_eq!(rig.refused(&foreign).await, "proof");
    let at_the_edge = Proof { iat: good.iat - 60, ..good };
    rig.authority.enrol(&applicant.request_with(&at_the_edge, &ticket).await).await.unwrap();
}

/// Attack: a whole request that was overheard is changed to the certificate request of the thief.
#[tokio::test]
async fn proof_replayed_with_another_certificate_request_is_refused() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let mut overheard = Applicant::new().request(&rig, &ticket).await;
    overheard.csr = base64(&Applicant::new().csr);
    assert_eq!(rig.refused(&overheard).await, "proof_purpose");
}

/// Attack: a key for which all can sign, and one under a name that another key may have.
#[tokio::test]
async fn weak_or_misnamed_entry_key_is_refused() {
    use base64::Engine as _;
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let applicant = Applicant::new();
    let good = applicant.request(&rig, &ticket).await;
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([0; 32]);
    let kid = Proof::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
    for key in [
        EntryKey { x, kid, ..good.entry_key.clone() },
        EntryKey { kid: "cart".into(), ..good.entry_key.clone() },
        EntryKey { kty: "EC".into(), ..good.entry_key.clone() },
    ] {
        let request = EnrolRequest { entry_key: key, ..good.clone() };
        assert_eq!(rig.refused(&request).await, "entry_key");
    }
}

/// Attack: the entry key of another workload, whose entries would then be in two names.
#[tokio::test]
async fn entry_key_of_another_workload_is_refused() {
    let rig = Rig::start().await;
    let (cart, _) = rig.enrolled("cart").await;
    let ticket = rig.ticket("stock", Place::Free).await;
    let same_key = Applicant { entry: cart.entry, ..Applicant::new() };
    assert_eq!(rig.refused(&same_key.request(&rig, &ticket).await).await, "key_taken");
    let spoken = Ed25519Signer::generate(WorkloadId::new("own").unwrap(), &OsRandom).unwrap();
    let own_key = Applicant { entry: spoken, ..Applicant::new() };
    rig.authority.enrol(&own_key.request(&rig, &ticket).await).await.unwrap();
}

#[tokio::test]
async fn request_has_one_kind_of_evidence() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", Place::Free).await;
    let good = Applicant::new().request(&rig, &ticket).await;
    let both = EnrolRequest { token: Some("t".into()), ..good.clone() };
    let none = EnrolRequest { ticket: None, ..good };
    for request in [both, none] {
        assert_eq!(rig.refused(&request).await, "evidence");
    }
}

/// Attack: an operator, or a bug, gives out what the authority itself is known by, another domain, or a ticket for good.
#[tokio::test]
async fn tickets_are_for_workloads_of_the_domain_and_for_a_day_at_most() {
    let rig = Rig::start().await;
    let give = async |identity: &str, life: Duration| {
        let identity = kest_identity::SpiffeId::parse(identity).unwrap();
        rig.authority
            .give_ticket(&identity, life, Place::Taken)
            .await
            .map(|_ticket| ())
            .map_err(|it| it.to_string())
    };
    let hour = Duration::from_secs(3600);
    assert!(give("spiffe://example.org/kest/authority", hour).await.unwrap_err().contains("own"));
    assert!(give("spiffe://example.com/cart", hour).await.unwrap_err().contains("another trust domain"));
    assert!(give("spiffe://example.org/cart", 24 * hour + Duration::from_secs(1)).await.is_err());
    assert!(give("spiffe://example.org/cart", Duration::ZERO).await.is_err());
    assert_eq!(give("spiffe://example.org/cart", 24 * hour).await, Ok(()));
}

/// Attack: the two uses of a ticket at two authorities that share a store. Both roots are in one bundle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticket_is_used_up_at_all_authorities_of_a_store() {
    let rig = Rig::start().await;
    let folder = tempfile::tempdir().unwrap();
    let keys = crate::rig::keys(folder.path(), &rig.clock);
    let store = std::sync::Arc::<kest_authority::MemoryStore>::clone(&rig.store);
    let builder = Authority::builder(keys, store).clock(std::sync::Arc::new(rig.clock.clone()));
    let other = builder.start().await.unwrap();
    assert_eq!(rig.roots().await.len(), 2);
    let ticket = rig.ticket("cart", Place::Taken).await;
    let (mine, thief) =
        (Applicant::new().request(&rig, &ticket).await, Applicant::new().request(&rig, &ticket).await);
    let authority = rig.authority.clone();
    let one = tokio::spawn(async move { authority.enrol(&mine).await.map_err(|error| error.kind()) });
    let two = tokio::spawn(async move { other.enrol(&thief).await.map_err(|error| error.kind()) });
    let outcomes = [one.await.unwrap(), two.await.unwrap()];
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter_map(|it| it.as_ref().err()).collect::<Vec<_>>(), [&"ticket_used"]);
}
