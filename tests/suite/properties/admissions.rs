//! Whatever services do with admissions, nested, joined or handed on, every strict verifier accepts what they sign.

use std::cell::Cell;

use async_trait::async_trait;
use kest_core::caller::Attested;
use kest_core::policy::dangerous_allow_all;
use kest_core::{
    Admission, AdmitOptions, Arrival, Authenticate, AuthenticateError, Evidence, FromLineage, Identity,
    IdentitySource, Lineage, Operation, authenticate,
};
use kest_tests::keys::{TRUSTED, kest};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{for_all, verified};

/// What happens next.
#[derive(Debug, Clone)]
enum Act {
    /// A request without a passport.
    Start(Says),
    /// Another service takes over, with or without a token of its own.
    HandOn(Index, Says),
    /// A step of its own.
    Nest(Index),
    /// Several at once.
    Join(Vec<Index>),
}

/// Who is calling, by which mechanism.
#[derive(Debug, Clone, Copy)]
enum Says {
    Token(&'static str, Option<&'static str>),
    Unverified(&'static str),
    Lineage,
    Anonymous,
}

#[async_trait]
impl Authenticate for Says {
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let named = |user: &str, source| Attested::new(Identity::default().with_user(user), source);
        Ok(match *self {
            Self::Token(user, tenant) => {
                let attested = named(user, IdentitySource::Jwt).with_issuer("https://issuer.example");
                tenant.into_iter().fold(attested, Attested::with_tenant)
            }
            Self::Unverified(user) => named(user, IdentitySource::Unverified),
            Self::Lineage => FromLineage::attested(evidence.lineage()),
            Self::Anonymous => Attested::anonymous(),
        })
    }
}

fn act() -> impl Strategy<Value = Act> {
    let user = || select(&["alice", "bob"][..]);
    let tenant = prop_oneof![2 => Just(None), 1 => Just(Some("acme"))];
    let token = (user(), tenant).prop_map(|(user, tenant)| Says::Token(user, tenant));
    let says = prop_oneof![
        3 => token,
        1 => user().prop_map(Says::Unverified),
        6 => Just(Says::Lineage),
        1 => Just(Says::Anonymous),
    ];
    prop_oneof![
        1 => says.clone().prop_map(Act::Start),
        3 => (any::<Index>(), says).prop_map(|(at, says)| Act::HandOn(at, says)),
        2 => any::<Index>().prop_map(Act::Nest),
        2 => vec(any::<Index>(), 2..4).prop_map(Act::Join),
    ]
}

#[test]
fn nested_joined_and_handed_on_operations_hold_everywhere() {
    let (inherited, anonymous_joins) = (Cell::new(0_u32), Cell::new(0_u32));
    for_all(400, &vec(act(), 1..9), |acts| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let made = runtime.block_on(async {
            let mut made: Vec<Admission> = Vec::new();
            for (number, act) in acts.iter().enumerate() {
                made.push(act.admit(&made, TRUSTED[number % TRUSTED.len()]).await);
            }
            made
        });
        for admission in made {
            let passport = admission.passport();
            let found = verified(passport.to_json().as_bytes(), passport.tips());
            prop_assert!(found.is_ok(), "{:?}", found.err());
            let labels = admission.entry().labels();
            let several = admission.entry().parents().len() > 1;
            match labels.identity_source() {
                Some("lineage") => inherited.set(inherited.get() + 1),
                Some("anonymous") if several => anonymous_joins.set(anonymous_joins.get() + 1),
                _ => {}
            }
        }
        Ok(())
    });
    assert!(inherited.get() > 30 && anonymous_joins.get() > 20, "{inherited:?} {anonymous_joins:?}");
}

impl Act {
    async fn admit(&self, before: &[Admission], workload: &str) -> Admission {
        let policy = dangerous_allow_all();
        let operation = || Operation::named("work").unwrap();
        let from = async |lineage: Lineage, says: &Says| {
            let caller = authenticate(says, &Evidence::new(&lineage)).await.unwrap();
            let arrival = Arrival::new(lineage, caller);
            kest(workload).admit(&arrival, &operation(), &policy, AdmitOptions::default()).await.unwrap()
        };
        if before.is_empty() {
            let says =
                if let Self::Start(says) | Self::HandOn(_, says) = self { says } else { &Says::Anonymous };
            return from(Lineage::Absent, says).await;
        }
        match self {
            Self::Start(says) => from(Lineage::Absent, says).await,
            Self::HandOn(at, says) => from(Lineage::Carried(at.get(before).passport().clone()), says).await,
            Self::Nest(at) => at.get(before).operation(operation()).admit(&policy).await.unwrap(),
            Self::Join(all) => {
                let (first, rest) = all.split_first().unwrap();
                let joined = first.get(before).join(rest.iter().map(|at| at.get(before))).unwrap();
                joined.admit(&operation(), &policy).await.unwrap()
            }
        }
    }
}

/// What a mechanism says about a caller is held against the lineage before anything is made of it.
#[tokio::test]
async fn findings_that_no_verifier_would_accept_make_no_principal() {
    #[derive(Debug)]
    struct Found(Attested);
    #[async_trait]
    impl Authenticate for Found {
        async fn attest(&self, _: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
            Ok(self.0.clone())
        }
    }
    let alice = || Identity::default().with_user("alice");
    let lineage = Act::Start(Says::Token("alice", None)).admit(&[], "gateway").await;
    let lineage = Lineage::Carried(lineage.passport().clone());
    let inherited = Attested::new(alice(), IdentitySource::Lineage).with_issuer("https://issuer.example");
    let check = async |lineage: &Lineage, found: Attested| {
        authenticate(&Found(found), &Evidence::new(lineage)).await.map(|caller| caller.source())
    };
    assert_eq!(check(&lineage, inherited.clone()).await.unwrap(), IdentitySource::Lineage);
    let mut wrong = Vec::new();
    for (what, lineage, found) in [
        ("inherited at a root", &Lineage::Absent, inherited.clone()),
        ("tenant from nowhere", &lineage, inherited.clone().with_tenant("acme")),
        ("another issuer", &lineage, inherited.with_issuer("https://other.example")),
        ("no issuer", &lineage, Attested::new(alice(), IdentitySource::Lineage)),
        ("token of no issuer", &lineage, Attested::new(alice(), IdentitySource::Jwt)),
        (
            "token of an issuer without a name",
            &lineage,
            Attested::new(alice(), IdentitySource::Jwt).with_issuer(""),
        ),
        ("named and anonymous", &lineage, Attested::new(alice(), IdentitySource::Anonymous)),
        ("anonymous of an issuer", &lineage, Attested::anonymous().with_issuer("https://issuer.example")),
        ("anonymous of a tenant", &lineage, Attested::anonymous().with_tenant("acme")),
    ] {
        if !matches!(check(lineage, found).await, Err(AuthenticateError::Invalid(_))) {
            wrong.push(what);
        }
    }
    assert!(wrong.is_empty(), "believed: {wrong:?}");
}
