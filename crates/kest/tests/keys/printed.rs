use std::path::Path;

use kest::core::BoxError;
use kest::prelude::*;
use kest::{BundleFile, ReplaceableSigner};

/// Whom this service trusts, and what it signs with. Both may change while it runs.
async fn keys(bundle: &Path, key: &Path) -> Result<(Kest, ReplaceableSigner), BoxError> {
    // Reads the file, and follows it from then on.
    let trusted = BundleFile::builder(bundle).build().await?;
    let signer = ReplaceableSigner::new(Ed25519Signer::from_file(key)?);
    let kest = Kest::builder(signer.clone()).trust(trusted).without_deployment_policies().build()?;
    Ok((kest, signer))
}

/// Once the next key is in the bundle of all who verify: on a signal, or on a route for operators.
fn rotate(signer: &ReplaceableSigner, next: &Path) -> Result<(), BoxError> {
    signer.replace(Ed25519Signer::from_file(next)?)?;
    Ok(())
}
