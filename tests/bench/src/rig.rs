//! Four workloads with real keys, and distinct lineages that they really signed.

use std::sync::Arc;

use async_trait::async_trait;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use kest::core::entry::Entry;
use kest::core::signature::KeyId;
use kest::core::{
    AdmitOptions, Admitter, Attested, Authenticate, AuthenticateError, BoxError, Evidence, IdentitySource,
    Lineage, authenticate,
};
use kest::{
    Admission, Arrival, Caller, Ed25519Signer, Identity, KeyRing, Operation, Origin, Passport, WorkloadId,
    dangerous_allow_all,
};

/// The services of one company.
#[derive(Debug)]
pub(crate) struct Company {
    services: Vec<Service>,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) caller: Caller,
}

/// One service: its part in lineages, and its key without anything around it.
#[derive(Debug)]
struct Service {
    kest: Admitter,
    key: SigningKey,
}

/// What an entry's signature was made over, and by whom: all that the bare operations need.
#[derive(Debug)]
pub(crate) struct Bare {
    input: Vec<u8>,
    signature: Signature,
    key: SigningKey,
    public: VerifyingKey,
}

impl Company {
    pub(crate) async fn new() -> Result<Self, BoxError> {
        let mut ring = KeyRing::new();
        let mut services = Vec::new();
        for (name, seed) in [("gateway", 1), ("orders", 2), ("ledger", 3), ("mailer", 4)] {
            let workload = WorkloadId::new(format!("spiffe://example.org/ns/shop/sa/{name}"))?;
            let signer =
                Ed25519Signer::from_seed(workload, KeyId::new(format!("{name}-2026"))?, &[seed; 32])?;
            ring.trust_signer(&signer)?;
            let kest = Admitter::builder(Arc::new(signer)).build();
            services.push(Service { kest, key: SigningKey::from_bytes(&[seed; 32]) });
        }
        let caller = authenticate(&Alice, &Evidence::new(&Lineage::Absent)).await?;
        Ok(Self { services, ring: Arc::new(ring), caller })
    }

    /// The service that makes hop number `hop`.
    pub(crate) fn service(&self, hop: usize) -> Result<&Admitter, BoxError> {
        let service = self.services.get(hop % self.services.len()).ok_or("no services")?;
        Ok(&service.kest)
    }

    /// What the next hop after `passport` finds.
    pub(crate) fn arrival(&self, passport: Option<&Passport>) -> Arrival {
        let lineage = passport.map_or(Lineage::Absent, |passport| Lineage::Carried(passport.clone()));
        Arrival::new(lineage, self.caller.clone())
    }

    /// A new lineage of `hops` operations by changing services; no two are alike.
    pub(crate) async fn lineage(&self, hops: usize) -> Result<Admission, BoxError> {
        let mut admission = self.follow(None, 0).await?;
        for hop in 1..hops {
            admission = self.follow(Some(admission.passport()), hop).await?;
        }
        Ok(admission)
    }

    /// `count` lineages of `hops` operations each.
    pub(crate) async fn passports(&self, count: usize, hops: usize) -> Result<Vec<Passport>, BoxError> {
        let mut passports = Vec::with_capacity(count);
        for _ in 0..count {
            passports.push(self.lineage(hops).await?.passport().clone());
        }
        Ok(passports)
    }

    /// The bare operations behind `entry`.
    pub(crate) fn bare(&self, entry: &Entry) -> Result<Bare, BoxError> {
        let (input, _signature) = entry.compact().rsplit_once('.').ok_or("no compact entry")?;
        let signed_by = |service: &&Service| service.kest.workload() == entry.workload();
        let service = self.services.iter().find(signed_by).ok_or("unknown service")?;
        let input = input.as_bytes().to_vec();
        let signature = service.key.sign(&input);
        Ok(Bare { input, signature, key: service.key.clone(), public: service.key.verifying_key() })
    }

    async fn follow(&self, passport: Option<&Passport>, hop: usize) -> Result<Admission, BoxError> {
        let kest = self.service(hop)?;
        let operation = Operation::named(format!("operation_{hop}"))?;
        let options = AdmitOptions::default().with_root_origin(Origin::system());
        Ok(kest.admit(&self.arrival(passport), &operation, &dangerous_allow_all(), options).await?)
    }
}

impl Bare {
    pub(crate) fn sign(&self) -> Signature {
        self.key.sign(&self.input)
    }

    pub(crate) fn verify(&self) -> Result<(), BoxError> {
        Ok(self.public.verify_strict(&self.input, &self.signature)?)
    }
}

/// Everybody is alice, in the words of an ordinary token.
#[derive(Debug)]
struct Alice;

#[async_trait]
impl Authenticate for Alice {
    fn needs_lineage(&self) -> bool {
        false
    }

    async fn attest(&self, _evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let identity =
            Identity::default().with_user("alice").with_agent("shop-frontend").with_task("orders:write");
        Ok(Attested::new(identity, IdentitySource::Jwt).with_issuer("https://issuer.example.org"))
    }
}
