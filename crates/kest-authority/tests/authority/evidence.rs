//! Tokens of other issuers as evidence.

use std::sync::Arc;

use kest_authority::{Authority, AuthorityKeys, EnrolError, MemoryStore, TokenSource};
use kest_core::OsRandom;
use kest_testkit::{TestIssuer, TestKest};
use kest_workload::protocol::{EnrolRequest, Epoch};

use crate::rig::{Applicant, Rig, domain, id};

/// An authority that believes `issuer`, by the clock of the kit.
async fn rig(kit: &TestKest, issuer: &TestIssuer) -> Rig {
    let authenticator = issuer.authenticator().build().unwrap();
    authenticator.start().await.unwrap();
    let row = |subject: &str, identity: &str| (issuer.name(), subject.to_owned(), id(identity));
    let reserved = row("boss", "kest/authority");
    let table = [row("system:serviceaccount:shop:cart", "cart"), reserved];
    let source = TokenSource::of_subjects(Arc::new(authenticator), table);
    let clock = kest_testkit::TestClock::clone(&kit.clock());
    let folder = tempfile::tempdir().unwrap();
    let keys = AuthorityKeys::init(folder.path(), &domain(), Vec::new(), &clock, &OsRandom).unwrap();
    let store = Arc::new(MemoryStore::new());
    let shared = Arc::<MemoryStore>::clone(&store);
    let builder = Authority::builder(keys, shared).clock(Arc::new(clock.clone())).tokens_from(source);
    Rig { authority: builder.start().await.unwrap(), clock, store, folder }
}

async fn request(rig: &Rig, applicant: &Applicant, token: &str) -> EnrolRequest {
    EnrolRequest { ticket: None, token: Some(token.to_owned()), ..applicant.request(rig, token).await }
}

fn token(issuer: &TestIssuer, subject: &str) -> String {
    let bearer = issuer.token().claim("sub", subject).bearer();
    bearer.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

#[tokio::test]
async fn token_of_a_trusted_issuer_enrols_the_identity_that_the_table_gives_it() {
    let kit = TestKest::new(["gateway"]);
    let issuer = TestIssuer::start(&kit, "authority");
    let rig = rig(&kit, &issuer).await;
    let token = token(&issuer, "system:serviceaccount:shop:cart");
    let issued = rig.authority.enrol(&request(&rig, &Applicant::new(), &token).await).await.unwrap();
    assert_eq!((issued.identity.as_str(), issued.epoch), ("spiffe://example.org/cart", Epoch::FIRST));
    // Attack: the same token again, by another process that read it.
    assert_eq!(rig.refused(&request(&rig, &Applicant::new(), &token).await).await, "alive");
}

/// Attack: tokens for another service, of another issuer, of workloads that are not in the table or for the authority's own
/// name, and none.
#[tokio::test]
async fn token_that_is_not_for_this_authority_enrols_nothing() {
    let kit = TestKest::new(["gateway"]);
    let issuer = TestIssuer::start(&kit, "authority");
    let rig = rig(&kit, &issuer).await;
    let other = TestIssuer::start(&kit, "authority");
    let elsewhere = TestIssuer::start(&kit, "shop");
    let good = token(&issuer, "system:serviceaccount:shop:cart");
    for (token, kind) in [
        (token(&other, "system:serviceaccount:shop:cart"), "token"),
        (token(&elsewhere, "system:serviceaccount:shop:cart"), "token"),
        (token(&issuer, "system:serviceaccount:shop:stock"), "token_unmapped"),
        (token(&issuer, "boss"), "token_unmapped"),
        (format!("{good}x"), "token"),
        (String::new(), "token"),
        ("x".repeat(17_000), "too_long"),
    ] {
        let asked = request(&rig, &Applicant::new(), &token).await;
        assert_eq!(rig.refused(&asked).await, kind, "{kind}");
    }
}

/// Attack: a token that was overheard, with the keys of the one who overheard it and the proof of its owner.
#[tokio::test]
async fn proof_is_bound_to_its_token() {
    let kit = TestKest::new(["gateway"]);
    let issuer = TestIssuer::start(&kit, "authority");
    let rig = rig(&kit, &issuer).await;
    let (mine, other) = (token(&issuer, "system:serviceaccount:shop:cart"), token(&issuer, "other"));
    let applicant = Applicant::new();
    let bound_to_other = request(&rig, &applicant, &other).await;
    let swapped = EnrolRequest { token: Some(mine), ..bound_to_other };
    assert_eq!(rig.refused(&swapped).await, "proof_purpose");
}

#[tokio::test]
async fn issuer_that_is_away_is_trouble_and_no_refusal() {
    let kit = TestKest::new(["gateway"]);
    let issuer = TestIssuer::start(&kit, "authority");
    let authenticator = issuer.authenticator().build().unwrap();
    let good = token(&issuer, "system:serviceaccount:shop:cart");
    drop(issuer);
    let source = TokenSource::of_subjects(Arc::new(authenticator), []);
    let rig = Rig::with(|builder| builder.tokens_from(source)).await;
    let asked = request(&rig, &Applicant::new(), &good).await;
    let error = rig.authority.enrol(&asked).await.unwrap_err();
    assert!(matches!(&error, EnrolError::Trouble(_)) && error.kind() == "token_issuer", "{error:?}");
}
