//! `kest authority init`: the keys and the store of a new authority.

use kest_authority::AuthorityKeys;
use kest_core::{OsRandom, SystemClock};

use super::place::{Missing, store};
use super::{AuthorityError, flags, start};
use crate::failure::{Answer, Failure};
use crate::output;

/// Makes both. What is published is in the store from now on.
pub(crate) async fn run(flags: flags::Init) -> Result<Answer, Failure> {
    let place = &flags.place;
    let mut names = flags.names;
    if names.is_empty() {
        names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    }
    let keys = AuthorityKeys::init(&place.dir, &flags.trust_domain, names, &SystemClock, &OsRandom);
    let keys = keys.map_err(AuthorityError::Keys)?;
    let store = store(place, Missing::Made)?;
    start(keys, store, |builder| builder).await?;
    output::say(&format!("made an authority of {} in {}", flags.trust_domain, place.dir.display()));
    Ok(Answer::Yes)
}
