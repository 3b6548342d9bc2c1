//! Mechanisms of one's own: what they see of a request, and what several of them together believe.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use kest::core::{Attested, Authenticate, AuthenticateError, Evidence, IdentitySource};
use kest::identity::{all_of, first_of};
use kest::prelude::*;
use kest::{HeaderName, Identity, IdentityChoice};
use tower::ServiceExt as _;

use crate::rig::{kest, refusal};

/// A key in a header: `good-NAME` is the user NAME's.
#[derive(Debug)]
struct Key {
    needs: [HeaderName; 1],
    seen: Arc<Mutex<Vec<String>>>,
}

fn key(header: &'static str) -> Key {
    Key { needs: [HeaderName::from_static(header)], seen: Arc::default() }
}

#[async_trait::async_trait]
impl Authenticate for Key {
    fn needs(&self) -> &[HeaderName] {
        &self.needs
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let credentials = evidence.credentials();
        let all =
            ["authorization", "dpop", "cookie", "x-api-key", "x-partner-key"].map(HeaderName::from_static);
        let visible = all.iter().filter(|name| !credentials.header(name).is_empty()).map(|it| it.as_str());
        let shown = format!("{:?} {:?}", visible.collect::<Vec<_>>(), credentials.query());
        self.seen.lock().unwrap().push(shown);
        let [name] = &self.needs;
        let key = credentials.one(name)?.ok_or(AuthenticateError::Missing)?;
        let user =
            key.strip_prefix("good-").ok_or_else(|| AuthenticateError::Invalid("unknown key".into()))?;
        let identity = Identity::default().with_user(user);
        Ok(Attested::new(identity, IdentitySource::Jwt).with_issuer("urn:example:keys"))
    }
}

/// Who `headers` speak for, or the refusal.
async fn ask(
    mechanism: impl Into<IdentityChoice>,
    headers: &[(&str, &str)],
) -> Result<String, (u16, &'static str)> {
    let kest = kest();
    let handler = async |Authenticated(caller): Authenticated| caller.user().unwrap_or("-").to_owned();
    let guarded = kest.operation("read").policy_fn("anyone", |_asked| true).unwrap();
    let router = Router::new().route("/", get(handler).route_layer(guarded)).layer(kest.inbound(mechanism));
    let request = headers.iter().fold(Request::get("/?page=2"), |it, (name, value)| it.header(*name, *value));
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    if response.status() != 200 {
        return Err(refusal(response).await);
    }
    let body = axum::body::to_bytes(response.into_body(), 64).await.unwrap();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

fn alone(mechanism: impl Authenticate + 'static) -> IdentityChoice {
    IdentityChoice::mechanism(Arc::new(mechanism))
}

const MISSING: Result<&str, (u16, &str)> = Err((401, "credentials_missing"));
const INVALID: Result<&str, (u16, &str)> = Err((401, "credentials_invalid"));

#[track_caller]
fn check(found: &Result<String, (u16, &'static str)>, expected: Result<&str, (u16, &str)>) {
    assert_eq!(found.as_ref().map(String::as_str).map_err(|it| *it), expected);
}

/// Attack: a header that the mechanism never asked for, and that a proxy did not strip.
#[tokio::test]
async fn header_that_was_not_declared_reaches_no_mechanism() {
    let mechanism = key("x-api-key");
    let seen = Arc::clone(&mechanism.seen);
    let sent = [
        ("x-api-key", "good-alice"),
        ("authorization", "Bearer x"),
        ("dpop", "y"),
        ("cookie", "z"),
        ("x-partner-key", "good-bob"),
    ];
    check(&ask(alone(mechanism), &sent).await, Ok("alice"));
    assert_eq!(*seen.lock().unwrap(), [r#"["x-api-key"] Some("page=2")"#]);
}

/// Attack: two headers of one name, of which a proxy checked the first and the service reads the last.
#[tokio::test]
async fn header_that_came_twice_or_under_another_spelling_is_no_credential() {
    let twice = [("x-api-key", "good-alice"), ("x-api-key", "good-admin")];
    check(&ask(alone(key("x-api-key")), &twice).await, INVALID);
    check(&ask(alone(key("x-api-key")), &[("x_api_key", "good-admin")]).await, MISSING);
    for value in ["", "good-a b", "good-alice, good-admin"] {
        check(&ask(alone(key("x-api-key")), &[("x-api-key", value)]).await, INVALID);
    }
    check(&ask(alone(key("x-api-key")), &[("X-Api-Key", "good-alice")]).await, Ok("alice"));
}

#[tokio::test]
async fn first_mechanism_whose_credentials_came_decides() {
    let either = || first_of(key("x-api-key"), key("x-partner-key")).or(FromLineage);
    check(&ask(either(), &[("x-api-key", "good-alice")]).await, Ok("alice"));
    check(&ask(either(), &[("x-partner-key", "good-bob")]).await, Ok("bob"));
    check(&ask(either(), &[("x-partner-key", "good-bob"), ("x-api-key", "good-alice")]).await, Ok("alice"));
    check(&ask(either(), &[]).await, Ok("-"));
    check(&ask(first_of(key("x-api-key"), key("x-partner-key")), &[]).await, MISSING);
}

/// Attack: a key that is wrong on purpose, so that a weaker mechanism behind it is asked.
#[tokio::test]
async fn credential_that_is_wrong_never_falls_through_to_a_weaker_mechanism() {
    let either = || first_of(key("x-api-key"), key("x-partner-key")).or(FromLineage);
    for wrong in ["bad", "", "good-a b"] {
        check(&ask(either(), &[("x-api-key", wrong), ("x-partner-key", "good-bob")]).await, INVALID);
        check(&ask(either(), &[("x-api-key", wrong)]).await, INVALID);
    }
    let half = || first_of(all_of(key("x-api-key"), key("x-partner-key")), FromLineage);
    check(&ask(half(), &[("x-api-key", "good-alice")]).await, MISSING);
}

/// Attack: a mechanism that reads the credentials of another.
#[tokio::test]
async fn combined_mechanisms_see_their_own_headers_and_no_others() {
    let (one, two) = (key("x-api-key"), key("x-partner-key"));
    let seen = [Arc::clone(&one.seen), Arc::clone(&two.seen)];
    let sent = [("x-api-key", "good-alice"), ("x-partner-key", "good-alice"), ("authorization", "Bearer x")];
    check(&ask(all_of(one, two), &sent).await, Ok("alice"));
    assert_eq!(*seen[0].lock().unwrap(), [r#"["x-api-key"] Some("page=2")"#]);
    assert_eq!(*seen[1].lock().unwrap(), [r#"["x-partner-key"] Some("page=2")"#]);
}

/// Attack: a credential of one's own beside a stolen one of another caller.
#[tokio::test]
async fn credentials_of_two_callers_are_refused_together() {
    let both = || all_of(key("x-api-key"), key("x-partner-key"));
    let sent = [("x-api-key", "good-alice"), ("x-partner-key", "good-mallory")];
    check(&ask(both(), &sent).await, INVALID);
    check(&ask(both(), &[("x-api-key", "good-alice"), ("x-partner-key", "bad")]).await, INVALID);
    check(&ask(both(), &[("x-api-key", "good-alice")]).await, MISSING);
    check(&ask(both(), &[("x-partner-key", "good-alice")]).await, MISSING);
}
