//! The store that the flags name, and how claims lie in it.

use std::path::Path;
use std::sync::Arc;

use kest_baggage::{Audience, PassportStore, PassportStores, Sealing, SealingKey};
use kest_redis::Redis;

use super::StoreError;
use super::looking::Looking;
use crate::arguments::StorePlace;
use crate::input::Source;

/// Bytes of a password, or of the certificates of some dozen authorities.
const FILE_BYTES: usize = 256 * 1024;

/// Whether claims for single use are used up by being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// As a service reads and writes.
    Service,
    /// For looking only.
    Look,
}

/// Connects to the store.
pub(super) async fn open(place: &StorePlace, access: Access) -> Result<PassportStores, StoreError> {
    let store: Arc<dyn PassportStore> = Arc::new(connect(place).await?.passports());
    let store = match access {
        Access::Service => store,
        Access::Look => Arc::new(Looking(store)),
    };
    let (Some(path), Some(name)) = (&place.seal_key, &place.audience) else {
        return Ok(PassportStores::plain(store));
    };
    let key =
        SealingKey::from_file(path).map_err(|cause| StoreError::SealKey { path: path.clone(), cause })?;
    let audience = Audience::new(name.as_str()).map_err(StoreError::Audience)?;
    Ok(PassportStores::sealed(store, Sealing::new(key, audience)))
}

async fn connect(place: &StorePlace) -> Result<Redis, StoreError> {
    let mut addresses = place.store.iter();
    let mut builder = Redis::builder(addresses.next().map(String::as_str).unwrap_or_default());
    for address in addresses {
        builder = builder.node(address);
    }
    if let Some(path) = &place.password_file {
        let password = text(path)?;
        let password = password.trim_end_matches(['\r', '\n']);
        builder = match &place.user {
            Some(user) => builder.login(user, password),
            None => builder.password(password),
        };
    }
    if let Some(path) = &place.root_certificates {
        builder = builder.root_certificate(text(path)?);
    }
    builder.connect().await.map_err(StoreError::Connect)
}

fn text(path: &Path) -> Result<String, StoreError> {
    let bytes = Source::File(path.to_owned()).read(FILE_BYTES).map_err(StoreError::File)?;
    String::from_utf8(bytes).map_err(|_cause| StoreError::Text)
}
