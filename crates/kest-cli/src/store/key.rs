//! `kest store key`: the key that services seal claims with.

use kest_baggage::SealingKey;
use kest_core::OsRandom;

use super::StoreError;
use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::fresh::{self, Fresh, Readers};
use crate::output;

/// Makes the key and its file, or neither.
pub(crate) fn run(arguments: &arguments::StoreKey) -> Result<Answer, Failure> {
    fresh::check_absent(&arguments.out)?;
    let key = SealingKey::generate(arguments.kid.clone(), &OsRandom).map_err(StoreError::Random)?;
    let jwk = key.to_jwk().map_err(StoreError::Json)?;
    let file = Fresh::create(&arguments.out, Readers::Owner)?;
    file.fill(&jwk)?;
    file.keep();
    output::say(&format!("wrote {} (private)", arguments.out.display()));
    Ok(Answer::Yes)
}
