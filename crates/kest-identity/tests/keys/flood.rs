//! Ten thousand tokens a second with random key ids, over a real connection to the issuer.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::service::Service;
use crate::signer::{Signer, key_set};
use crate::site::Page;

const SECONDS: usize = 3;
const PUBLISHED: usize = 1234;

#[tokio::test(start_paused = true)]
async fn rotated_key_is_accepted_within_two_seconds_in_a_flood_of_random_key_ids() {
    let (old, new) = (Signer::new("key-1", 1), Signer::new("key-2", 2));
    let service = Arc::new(Service::warm(&[old.jwk()]).await);
    let (old_token, new_token) = (old.token(), new.token());
    let (mut junk, mut genuine) = (JoinSet::new(), JoinSet::new());
    let mut published = None;
    let mut accepted = None;
    for millisecond in 0..SECONDS * 1000 {
        for number in 0..10 {
            let (service, token) =
                (Arc::clone(&service), old.token_naming(&format!("{millisecond}-{number}")));
            junk.spawn(async move { service.send(&token).await });
        }
        if millisecond == PUBLISHED {
            service.publish(Page::Json(key_set(&[old.jwk(), new.jwk()])));
            published = Some(service.begun.elapsed());
        }
        if published.is_some() && millisecond % 5 == 0 {
            let (service, token) = (Arc::clone(&service), new_token.clone());
            genuine.spawn(async move { service.send(&token).await });
        }
        service.pass(Duration::from_millis(1)).await;
        assert_eq!(service.send_at_once(&old_token), Some("accepted"), "a known key never waits");
        while let Some(answer) = junk.try_join_next() {
            assert_eq!(answer.unwrap(), "unknown_key");
        }
        while let Some(answer) = genuine.try_join_next() {
            if answer.unwrap() == "accepted" {
                accepted.get_or_insert(service.begun.elapsed());
            }
        }
    }
    let took = accepted.unwrap() - published.unwrap();
    assert!(took <= Duration::from_secs(2), "{took:?}");
    // One to begin with, and one for each second's cool-down. No refresh falls into these seconds.
    let fetches = service.site.hits();
    assert!(fetches <= 1 + SECONDS, "{fetches}");
    assert_eq!(service.authenticator.fetches(), u64::try_from(fetches).unwrap());
}
