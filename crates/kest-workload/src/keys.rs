//! The private keys of a workload, which are made here and leave only for its folder, and what is asked for with them.

use kest_core::signature::{Ed25519Signer, KeyId, SigningKey as _, WorkloadId};
use kest_core::{BoxError, Random};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use zeroize::Zeroizing;

use crate::protocol::{EntryKey, Proof};

/// A fresh key for TLS (P-256), and the request for its certificate.
pub(crate) struct TlsKey {
    /// PKCS #8, DER.
    pub(crate) key: Zeroizing<Vec<u8>>,
    /// PKCS #10, DER.
    pub(crate) request: Vec<u8>,
}

impl TlsKey {
    pub(crate) fn generate() -> Result<Self, KeyError> {
        let failed = |cause: rcgen::Error| KeyError(cause.into());
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::default();
        // The authority names the workload; what a request says of it counts nothing.
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(failed)?.der().to_vec();
        Ok(Self { key: Zeroizing::new(key.serialize_der()), request })
    }
}

/// The seed of a key that entries are signed with.
pub(crate) type Seed = Zeroizing<[u8; 32]>;

pub(crate) fn seed(random: &dyn Random) -> Result<Seed, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    random.fill(&mut *seed).map_err(|cause| KeyError(cause.into()))?;
    Ok(seed)
}

/// The signer of a seed, whose key is named by its thumbprint.
pub(crate) fn signer(workload: &WorkloadId, seed: &Seed) -> Result<Ed25519Signer, KeyError> {
    let failed = |cause: BoxError| KeyError(cause);
    let unnamed = KeyId::new("unnamed").map_err(|cause| failed(cause.into()))?;
    let unnamed = Ed25519Signer::from_seed(workload.clone(), unnamed, seed);
    let unnamed = unnamed.map_err(|cause| failed(cause.into()))?;
    let name = EntryKey::of(unnamed.public_key()).kid;
    let name = KeyId::new(name).map_err(|cause| failed(cause.into()))?;
    Ed25519Signer::from_seed(workload.clone(), name, seed).map_err(|cause| failed(cause.into()))
}

/// The JWS of a key over a proof.
pub(crate) async fn prove(key: &Ed25519Signer, proof: &Proof) -> Result<String, KeyError> {
    let input = proof.signing_input().map_err(|cause| KeyError(cause.into()))?;
    let signature = key.sign(input.as_bytes()).await.map_err(|cause| KeyError(cause.into()))?;
    Ok(Proof::compact(&input, &signature))
}

/// A key cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[error("key cannot be made or used")]
pub struct KeyError(#[source] BoxError);
