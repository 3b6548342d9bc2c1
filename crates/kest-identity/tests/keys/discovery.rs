//! Where an issuer's keys are, by its own word and no other.

use std::error::Error;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kest_core::Limits;
use kest_http::Lookup;
use kest_identity::{FetchError, FetchKeys, HttpKeys, HttpKeysError, KeySet};
use serde_json::json;

use crate::authority::Authority;
use crate::signer::{Signer, key_set};
use crate::site::{Page, Site};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";
const KEYS: &str = "/keys";

/// A site whose keys are at the usual place.
async fn site() -> Site {
    let site = Site::open().await;
    site.publish(KEYS, Page::Json(key_set(&[Signer::new("key-1", 1).jwk()])));
    site
}

fn metadata(issuer: &str, keys: &str) -> Page {
    Page::Json(json!({"issuer": issuer, "jwks_uri": keys, "response_types_supported": ["code"]}).to_string())
}

fn keys_of(issuer: &str) -> HttpKeys {
    HttpKeys::discover(issuer).build().unwrap()
}

async fn fetch(issuer: &str) -> Result<KeySet, FetchError> {
    keys_of(issuer).fetch().await
}

#[tokio::test]
async fn openid_metadata_lie_after_the_path() {
    for (path, place) in [
        ("", "/.well-known/openid-configuration"),
        ("/", "/.well-known/openid-configuration"),
        ("/realms/shop", "/realms/shop/.well-known/openid-configuration"),
        ("/realms/shop/", "/realms/shop/.well-known/openid-configuration"),
    ] {
        let site = site().await;
        site.publish(place, metadata(&site.at(path), &site.at(KEYS)));
        assert!(fetch(&site.at(path)).await.unwrap().contains("key-1"));
        assert_eq!(site.asked(), [place, KEYS]);
    }
}

#[tokio::test]
async fn oauth_metadata_lie_before_the_path() {
    for (path, place) in [
        ("", "/.well-known/oauth-authorization-server"),
        ("/realms/shop", "/.well-known/oauth-authorization-server/realms/shop"),
    ] {
        let site = site().await;
        site.publish(place, metadata(&site.at(path), &site.at(KEYS)));
        for missing in [
            Page::Status("404 Not Found".into()),
            Page::Status("403 Forbidden".into()),
            Page::Status("302 Found\r\nlocation: /login".into()),
            Page::Typed("text/html", "<title>Not found</title>".into()),
        ] {
            site.publish(&format!("{path}{OPENID}"), missing);
            assert!(fetch(&site.at(path)).await.unwrap().contains("key-1"));
            assert_eq!(site.asked(), [&format!("{path}{OPENID}"), place, KEYS]);
        }
    }
}

#[tokio::test]
async fn issuer_without_metadata_has_no_keys() {
    let site = site().await;
    let refused = fetch(&site.origin).await.unwrap_err();
    assert_eq!(refused.kind(), "metadata");
    assert_eq!(site.asked(), [OPENID, OAUTH]);
    site.publish(OPENID, Page::Status("500 Internal Server Error".into()));
    assert_eq!(fetch(&site.origin).await.unwrap_err().kind(), "metadata");
    assert_eq!(site.asked(), [OPENID], "an issuer that is ill is not asked twice");
}

#[tokio::test]
async fn mix_up_attack_with_metadata_that_name_another_issuer() {
    let site = site().await;
    let here = site.origin.clone();
    let (slash, case, port) =
        (site.at("/"), site.at("").to_uppercase(), site.at("").replace("127.0.0.1", "localhost"));
    for named in ["https://honest.example", slash.as_str(), case.as_str(), port.as_str(), "", " "] {
        site.publish(OPENID, metadata(named, &site.at(KEYS)));
        site.publish(OAUTH, metadata(&here, &site.at(KEYS)));
        let refused = fetch(&here).await.unwrap_err();
        assert!(matches!(refused, FetchError::OtherIssuer), "{named}: {refused:?}");
        assert_eq!(site.asked(), [OPENID], "{named}");
    }
}

#[tokio::test]
async fn metadata_that_are_ambiguous_or_lack_a_member_are_refused() {
    let site = site().await;
    let (issuer, keys) = (site.origin.clone(), site.at(KEYS));
    for body in [
        format!(r#"{{"issuer":"{issuer}","issuer":"{issuer}","jwks_uri":"{keys}"}}"#),
        format!(r#"{{"issuer":"https://honest.example","issuer":"{issuer}","jwks_uri":"{keys}"}}"#),
        format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}","jwks_uri":"https://attacker.example/"}}"#),
        format!(r#"{{"issuer":"{issuer}"}}"#),
        format!(r#"{{"jwks_uri":"{keys}"}}"#),
        format!(r#"{{"issuer":["{issuer}"],"jwks_uri":"{keys}"}}"#),
        format!(r#"{{"issuer":"{issuer}","jwks_uri":["{keys}"]}}"#),
        format!(r#"[{{"issuer":"{issuer}","jwks_uri":"{keys}"}}]"#),
        "<html>".to_owned(),
        String::new(),
    ] {
        site.publish(OPENID, Page::Json(body.clone()));
        let refused = fetch(&issuer).await.unwrap_err();
        assert!(matches!(refused, FetchError::NotMetadata(_)), "{body}: {refused:?}");
    }
    assert!(!site.asked().contains(&KEYS.to_owned()));
}

#[tokio::test]
async fn metadata_cannot_send_us_inward_or_back_to_plain_http() {
    let authority = Authority::new();
    let secure = Site::secure(authority.vouches_for("localhost")).await;
    let plain = site().await;
    let keys = HttpKeys::discover(&secure.origin).root_certificate_pem(authority.pem.as_str());
    for keys in [keys.clone(), keys.dangerous_allow_http()] {
        let keys = keys.build().unwrap();
        for (uri, downgrade) in [
            (plain.at(KEYS), true),
            ("http://issuer.example/keys".to_owned(), true),
            ("https://169.254.169.254/latest/meta-data/".to_owned(), false),
            ("https://[fe80::1]/keys".to_owned(), false),
            ("https://0.0.0.0/keys".to_owned(), false),
        ] {
            secure.publish(OPENID, metadata(&secure.origin, &uri));
            let FetchError::KeySetUri(cause) = keys.fetch().await.unwrap_err() else { panic!("{uri}") };
            let expected = if downgrade { "PlainHttp" } else { "PrivateAddress" };
            assert_eq!(format!("{cause:?}"), expected, "{uri}");
        }
    }
    assert_eq!(plain.asked().len(), 0);
}

/// Says where names lead; the first answer for the first question, the last one for all that follow.
#[derive(Debug)]
struct Rebinding(Mutex<Vec<&'static str>>);

#[async_trait::async_trait]
impl Lookup for Rebinding {
    async fn look_up(&self, _name: &str) -> std::io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        Ok(vec![answer.parse().unwrap()])
    }
}

#[tokio::test]
async fn metadata_cannot_send_us_inward_by_a_name_that_is_rebound() {
    let authority = Authority::new();
    let issuer = Site::secure(authority.vouches_for("issuer.example")).await;
    let inner = Site::secure(authority.vouches_for("keys.example")).await;
    inner.publish(KEYS, Page::Json(key_set(&[Signer::new("key-1", 1).jwk()])));
    let named = |site: &Site, name| site.origin.replace("localhost", name);
    let origin = named(&issuer, "issuer.example");
    issuer.publish(OPENID, metadata(&origin, &format!("{}{KEYS}", named(&inner, "keys.example"))));
    // The issuer's own name is the configuration's, and leads to this machine all the time.
    for inward in ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0", "fd00:ec2::254"] {
        let keys = HttpKeys::discover(&origin)
            .root_certificate_pem(authority.pem.as_str())
            .lookup(Arc::new(Rebinding(Mutex::new(vec!["127.0.0.1", inward]))))
            .build()
            .unwrap();
        let refused = keys.fetch().await.unwrap_err();
        assert!(
            matches!(refused, FetchError::KeySetUri(HttpKeysError::PrivateAddress)),
            "{inward}: {refused:?}"
        );
    }
    assert_eq!(inner.asked().len(), 0);
}

#[tokio::test]
async fn issuer_that_the_configuration_names_may_lie_on_this_machine_with_its_keys() {
    let authority = Authority::new();
    let issuer = Site::secure(authority.vouches_for("issuer.example")).await;
    let origin = issuer.origin.replace("localhost", "issuer.example");
    issuer.publish(KEYS, Page::Json(key_set(&[Signer::new("key-1", 1).jwk()])));
    issuer.publish(OPENID, metadata(&origin, &format!("{origin}{KEYS}")));
    let keys = HttpKeys::discover(&origin)
        .root_certificate_pem(authority.pem.as_str())
        .lookup(Arc::new(Rebinding(Mutex::new(vec!["127.0.0.1"]))))
        .build()
        .unwrap();
    assert!(keys.fetch().await.unwrap().contains("key-1"));
}

#[tokio::test]
async fn gzip_that_was_not_asked_for_is_named_and_asked_for_nowhere_else() {
    let site = site().await;
    site.publish(OPENID, Page::Status("200 OK\r\ncontent-encoding: gzip".into()));
    let refused = fetch(&site.origin).await.unwrap_err();
    let FetchError::Metadata(cause) = refused else { panic!("{refused:?}") };
    assert!(matches!(&*cause, FetchError::Coding(it) if it.as_str() == "gzip"), "{cause:?}");
    assert_eq!(site.asked(), [OPENID]);
}

#[tokio::test]
async fn keys_may_lie_on_another_host() {
    let authority = Authority::new();
    let issuer = Site::secure(authority.vouches_for("localhost")).await;
    let keys = Site::secure(authority.vouches_for("localhost")).await;
    keys.publish(KEYS, Page::Json(key_set(&[Signer::new("key-1", 1).jwk()])));
    issuer.publish(OPENID, metadata(&issuer.origin, &keys.at(KEYS)));
    let found = HttpKeys::discover(&issuer.origin).root_certificate_pem(authority.pem.as_str());
    assert!(found.build().unwrap().fetch().await.unwrap().contains("key-1"));
    assert_eq!((issuer.asked().len(), keys.asked().len()), (1, 1));
}

#[tokio::test]
async fn metadata_that_are_too_long_or_redirect_are_not_followed() {
    let (site, lure) = (site().await, site().await);
    lure.publish(OPENID, metadata(&site.origin, &lure.at(KEYS)));
    let bytes = Limits::default().key_metadata_bytes + 16 * 1024;
    for page in [
        Page::Status(format!("302 Found\r\nlocation: {}", lure.at(OPENID))),
        Page::Blanks { announced: true, bytes },
        Page::Blanks { announced: false, bytes },
    ] {
        site.publish(OPENID, page.clone());
        let refused = fetch(&site.origin).await.unwrap_err();
        assert!(matches!(refused, FetchError::Metadata(_)), "{page:?}: {refused:?}");
    }
    assert_eq!(lure.asked().len(), 0);
}

#[tokio::test]
async fn metadata_are_read_again_before_every_tenth_fetch() {
    let site = site().await;
    site.publish(OPENID, metadata(&site.origin, &site.at(KEYS)));
    let keys = keys_of(&site.origin);
    for _ in 0..25 {
        keys.fetch().await.unwrap();
    }
    let asked = site.asked();
    let read: Vec<_> = (0..asked.len()).filter(|at| asked[*at] == OPENID).collect();
    assert_eq!(read, [0, 11, 22]);
    assert_eq!(asked.len(), 25 + 3);
}

#[tokio::test]
async fn keys_that_have_moved_are_found_again_after_one_failure() {
    let site = site().await;
    site.publish(OPENID, metadata(&site.origin, &site.at(KEYS)));
    let keys = keys_of(&site.origin);
    keys.fetch().await.unwrap();
    site.publish(KEYS, Page::Status("404 Not Found".into()));
    site.publish("/moved", Page::Json(key_set(&[Signer::new("key-2", 2).jwk()])));
    site.publish(OPENID, metadata(&site.origin, &site.at("/moved")));
    assert_eq!(keys.fetch().await.unwrap_err().kind(), "status");
    assert!(keys.fetch().await.unwrap().contains("key-2"));
    assert_eq!(site.asked(), [OPENID, KEYS, KEYS, OPENID, "/moved"]);
}

#[tokio::test]
async fn metadata_that_cannot_be_read_again_leave_the_place_that_is_known() {
    let mut limits = Limits::default();
    limits.key_fetch_wait = Duration::from_secs(1);
    for page in [
        Page::Status("500 Internal Server Error".into()),
        Page::Json("<html>".into()),
        metadata("https://attacker.example", "https://attacker.example/keys"),
        Page::Silent,
    ] {
        let site = site().await;
        site.publish(OPENID, metadata(&site.origin, &site.at(KEYS)));
        let keys = HttpKeys::discover(&site.origin).limits(limits.clone()).build().unwrap();
        for _ in 0..10 {
            keys.fetch().await.unwrap();
        }
        site.publish(OPENID, page.clone());
        // Metadata that hang leave half of the time for the keys.
        let fetched = tokio::time::timeout(limits.key_fetch_wait, keys.fetch()).await;
        assert!(fetched.unwrap().unwrap().contains("key-1"), "{page:?}");
    }
}

#[tokio::test]
async fn every_name_is_looked_up_by_our_own_rules() {
    // RFC 1035 section 2.3.4: no label has 64 characters, so that this name is refused without asking anybody.
    let host = format!("http://{}.invalid", "a".repeat(64));
    let by_our_rules = |failed: FetchError| {
        let mut cause: Option<&dyn Error> = Some(&failed);
        std::iter::from_fn(|| {
            let current = cause?;
            cause = current.source();
            Some(current.to_string())
        })
        .any(|message| message == "name could not be looked up")
    };
    let issuer = HttpKeys::discover(&host).dangerous_allow_http().build().unwrap();
    assert!(by_our_rules(issuer.fetch().await.unwrap_err()));
    let configured = HttpKeys::at(&host).dangerous_allow_http().build().unwrap();
    assert!(by_our_rules(configured.fetch().await.unwrap_err()));
}

#[test]
fn issuers_that_cannot_have_metadata_are_refused_before_anything_is_asked() {
    for (issuer, expected) in [
        ("http://issuer.example", "PlainHttp"),
        ("https://issuer.example/?realm=shop", "Issuer"),
        ("https://issuer.example/#shop", "Issuer"),
        ("https://user:password@issuer.example", "Credentials"),
        ("urn:issuer", "Scheme"),
    ] {
        let refused: HttpKeysError = HttpKeys::discover(issuer).build().map(drop).unwrap_err();
        assert_eq!(format!("{refused:?}"), expected, "{issuer}");
    }
}
