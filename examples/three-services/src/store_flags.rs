//! Where a hop keeps claims, and how, as its command line says it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kest::baggage::{Audience, PassportStores, Sealing, SealingKey};
use kest::core::BoxError;
use kest::redis::Redis;
use kest::{InMemoryPassports, Limits, PassportStore};

/// The flags about the store of long passports.
#[derive(Debug, Args)]
pub(crate) struct StoreFlags {
    /// Where long passports are kept: memory, or redis://HOST:PORT/DB.
    #[arg(long, default_value = "memory")]
    store: String,
    /// Seal claims with this key, a private JWK file; plain ones are then refused.
    #[arg(long, value_name = "FILE", requires = "claims_audience")]
    claims_key: Option<PathBuf>,
    /// The name that this service reads sealed claims as, and writes them for.
    #[arg(long, value_name = "NAME", requires = "claims_key")]
    claims_audience: Option<String>,
}

impl StoreFlags {
    /// The place that the flags describe; a Redis that may not hold claims is refused here.
    pub(crate) async fn to_claims(&self, limits: &Limits) -> Result<PassportStores, BoxError> {
        let store: Arc<dyn PassportStore> = match self.store.as_str() {
            "memory" => Arc::new(InMemoryPassports::new(limits)),
            address => Arc::new(Redis::builder(address).connect().await?.passports()),
        };
        match (&self.claims_key, &self.claims_audience) {
            (Some(key), Some(audience)) => {
                let sealing = Sealing::new(SealingKey::from_file(key)?, Audience::new(audience.as_str())?);
                Ok(PassportStores::sealed(store, sealing))
            }
            _ => Ok(PassportStores::plain(store)),
        }
    }
}
