//! Keys behind TLS: whose certificates are believed.

use kest_identity::{FetchError, FetchKeys, HttpKeys, HttpKeysBuilder, KeySet};

use crate::authority::Authority;
use crate::signer::{Signer, key_set};
use crate::site::{Page, Site};

const KEYS: &str = "/jwks.json";

async fn site(authority: &Authority, name: &str) -> Site {
    let site = Site::secure(authority.vouches_for(name)).await;
    site.publish(KEYS, Page::Json(key_set(&[Signer::new("key-1", 1).jwk()])));
    site
}

async fn fetch(keys: HttpKeysBuilder) -> Result<KeySet, FetchError> {
    keys.build().unwrap().fetch().await
}

#[tokio::test]
async fn certificate_of_a_given_root_is_taken() {
    let (other, authority) = (Authority::new(), Authority::new());
    let site = site(&authority, "localhost").await;
    let bundle = format!("{}{}", other.pem, authority.pem);
    for keys in [
        HttpKeys::at(site.at(KEYS)).root_certificate_pem(authority.pem.as_str()),
        HttpKeys::at(site.at(KEYS)).root_certificate_pem(bundle),
        HttpKeys::at(site.at(KEYS))
            .root_certificate_pem(other.pem.as_str())
            .root_certificate_pem(authority.pem.as_str()),
    ] {
        assert!(fetch(keys).await.unwrap().contains("key-1"));
    }
    assert_eq!(site.asked().len(), 3);
}

#[tokio::test]
async fn certificate_of_an_unknown_root_is_refused() {
    let (other, authority) = (Authority::new(), Authority::new());
    let site = site(&authority, "localhost").await;
    for keys in [
        HttpKeys::at(site.at(KEYS)),
        HttpKeys::at(site.at(KEYS)).root_certificate_pem(other.pem.as_str()),
        HttpKeys::at(site.at(KEYS)).dangerous_allow_http(),
    ] {
        let refused = fetch(keys).await.unwrap_err();
        assert!(matches!(refused, FetchError::Unreachable(_)), "{refused:?}");
    }
    assert_eq!(site.asked().len(), 0, "nothing was asked over a connection that is not believed");
}

#[tokio::test]
async fn certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let site = site(&authority, "issuer.example").await;
    let keys = HttpKeys::at(site.at(KEYS)).root_certificate_pem(authority.pem.as_str());
    let refused = fetch(keys).await.unwrap_err();
    assert!(matches!(refused, FetchError::Unreachable(_)), "{refused:?}");
    assert_eq!(site.asked().len(), 0);
}
