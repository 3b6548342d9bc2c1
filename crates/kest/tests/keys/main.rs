//! The guide to keys, as it is printed: a key is rotated while a service signs and another one verifies.

#[cfg(test)]
mod following;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rotation;

/// The guide's own code.
#[cfg(test)]
mod printed {
    include!("printed.rs");

    pub(crate) async fn service(bundle: &Path, key: &Path) -> Result<(Kest, ReplaceableSigner), BoxError> {
        keys(bundle, key).await
    }

    pub(crate) fn exchange(signer: &ReplaceableSigner, next: &Path) -> Result<(), BoxError> {
        rotate(signer, next)
    }
}
