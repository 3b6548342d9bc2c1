//! `kest authority rotate-root`: the next key comes while the one before it is still believed.

use kest_authority::AuthorityKeys;
use kest_core::{OsRandom, SystemClock};

use super::place::{Missing, store};
use super::{AuthorityError, flags, start};
use crate::failure::{Answer, Failure};
use crate::output;

/// Makes the next key and publishes it.
pub(crate) async fn run(flags: flags::RotateRoot) -> Result<Answer, Failure> {
    // Asked first: a key that cannot be published is not made.
    let store = store(&flags.place, Missing::Refused)?;
    store.sequence().await.map_err(AuthorityError::Store)?;
    let keys = AuthorityKeys::open(&flags.place.dir).map_err(AuthorityError::Keys)?;
    let made = if flags.tokens {
        keys.rotate_token_key(flags.overlap, &SystemClock, &OsRandom)
    } else {
        keys.rotate_root(flags.overlap, &SystemClock, &OsRandom)
    };
    made.map_err(AuthorityError::Keys)?;
    start(keys, store, |builder| builder).await?;
    let what = if flags.tokens { "key of tokens" } else { "root" };
    output::say(&format!("made the next {what}, which is used in {:?}", flags.overlap));
    Ok(Answer::Yes)
}
