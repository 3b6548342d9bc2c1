//! Where a hop keeps claims, and how, as its command line says it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kest::baggage::{Audience, PassportStores, Sealing, SealingKey};
use kest::core::{BoxError, ReplayStore};
use kest::redis::{Redis, ReplaySettings};
use kest::{InMemoryPassports, Limits, PassportStore};

/// A hop proof is good for 10 s, by clocks that are 2 s apart at most.
const PROOF_LIFE: Duration = Duration::from_secs(15);

/// What a hop keeps elsewhere.
#[derive(Debug)]
pub(crate) struct Stores {
    /// Long passports.
    pub(crate) claims: PassportStores,
    /// Used hop proofs; in the memory of the process otherwise, which replicas do not share.
    pub(crate) replays: Option<Arc<dyn ReplayStore>>,
}

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
    /// The places that the flags describe; a Redis that may not hold claims is refused here.
    pub(crate) async fn open(&self, limits: &Limits) -> Result<Stores, BoxError> {
        if self.store == "memory" {
            let claims = self.claims(Arc::new(InMemoryPassports::new(limits)))?;
            return Ok(Stores { claims, replays: None });
        }
        let redis = Redis::builder(&self.store).connect().await?;
        let claims = self.claims(Arc::new(redis.passports()))?;
        // Little longer than a hop proof lives: after a loss of memory none is believed for the difference.
        let replays = redis.replays(ReplaySettings::new().longest_life(PROOF_LIFE));
        Ok(Stores { claims, replays: Some(Arc::new(replays)) })
    }

    fn claims(&self, store: Arc<dyn PassportStore>) -> Result<PassportStores, BoxError> {
        match (&self.claims_key, &self.claims_audience) {
            (Some(key), Some(audience)) => {
                let sealing = Sealing::new(SealingKey::from_file(key)?, Audience::new(audience.as_str())?);
                Ok(PassportStores::sealed(store, sealing))
            }
            _ => Ok(PassportStores::plain(store)),
        }
    }
}
