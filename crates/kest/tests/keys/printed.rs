use std::path::Path;
use std::sync::Arc;

use kest::core::BoxError;
use kest::{BundleFile, Ed25519Signer, IdentityChoice, InboundLayer, Kest, ReplaceableSigner};

/// Whom this service trusts, and what it signs with. Both may change while it runs.
async fn keys(bundle: &Path, key: &Path) -> Result<(InboundLayer, Kest, ReplaceableSigner), BoxError> {
    // Reads the file, and follows it from then on.
    let trusted = BundleFile::builder(bundle).start().await?;
    let inbound = InboundLayer::builder(trusted).identity(IdentityChoice::from_lineage()).build();
    let signer = ReplaceableSigner::new(Ed25519Signer::from_jwk_file(key)?);
    let kest = Kest::builder(Arc::new(signer.clone())).build();
    Ok((inbound, kest, signer))
}

/// Once the next key is in the bundle of all who verify: on a signal, or on a route for operators.
fn rotate(signer: &ReplaceableSigner, next: &Path) -> Result<(), BoxError> {
    signer.replace(Ed25519Signer::from_jwk_file(next)?)?;
    Ok(())
}
