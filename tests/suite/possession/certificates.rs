//! RFC 8705 over mutual TLS: a token that is bound to a certificate holds on connections with that certificate alone.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use kest_identity::{IdentityChoice, JwtAuthenticator, Requirement};
use kest_testkit::TestClock;
use kest_tests::raw;
use kest_tests::service::Setup;
use serde_json::{Value, json};
use three_services::issuer::Issuer;

use super::api::{AUDIENCE, token_of};
use super::authority::{Authority, Credentials};
use super::mutual::{Answer, Connection, MutualService};

/// What is said to a token on a connection that it is not bound to.
const BAD_TOKEN: &str = r#"Bearer error="invalid_token""#;

/// An issuer of certificate-bound tokens, and a service that takes no others.
struct Rig {
    issuer: Issuer,
    authority: Authority,
    service: MutualService,
}

impl Rig {
    async fn start() -> Self {
        let (issuer, authority) = (Issuer::start().await.unwrap(), Authority::new());
        let service = MutualService::start(&authority, identity(&issuer).await).await;
        Self { issuer, authority, service }
    }

    fn token_for(&self, owner: &Credentials) -> String {
        token_of(&self.issuer, &json!({"x5t#S256": owner.thumbprint()}))
    }

    async fn connect(&self, credentials: Option<&Credentials>) -> Connection {
        self.service.connect(&self.authority, credentials).await
    }
}

async fn identity(issuer: &Issuer) -> IdentityChoice {
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(issuer.jwks_uri())
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .clock(Arc::new(TestClock::default()))
        .certificate_bound(Requirement::Required)
        .build()
        .unwrap();
    jwt.start().await.unwrap();
    IdentityChoice::jwks(jwt)
}

async fn call(connection: &mut Connection, token: &str) -> Option<Answer> {
    connection.call(&[("authorization", &format!("Bearer {token}"))]).await
}

/// Everything that proxies are known to say about a client's certificate, said of `owner`'s.
fn imitations(owner: &Credentials) -> Vec<(&'static str, String)> {
    let (der, thumbprint) = (STANDARD.encode(owner.der()), owner.thumbprint());
    vec![
        ("client-cert", format!(":{der}:")),
        ("client-cert-chain", format!(":{der}:")),
        ("x-client-cert", der.clone()),
        ("x-ssl-client-cert", der.clone()),
        ("ssl-client-cert", der.clone()),
        ("x-amzn-mtls-clientcert", der.clone()),
        ("x-forwarded-client-cert", format!("Hash={thumbprint};Cert=\"{der}\"")),
        ("x5t#s256", thumbprint),
    ]
}

#[track_caller]
fn check_refused(answer: &Option<Answer>) {
    assert_eq!(*answer, Some((StatusCode::UNAUTHORIZED, Some(BAD_TOKEN.to_owned()), String::new())));
}

#[tokio::test]
async fn token_is_admitted_over_connections_with_its_certificate() {
    let rig = Rig::start().await;
    let owner = rig.authority.client("orders");
    let token = rig.token_for(&owner);
    let confirmed = format!("Some(CertificateThumbprint({:?}))", owner.thumbprint());
    let mut first = rig.connect(Some(&owner)).await;
    for _ in 0..2 {
        let answer = call(&mut first, &token).await;
        assert_eq!(answer, Some((StatusCode::OK, None, confirmed.clone())));
    }
    let answer = call(&mut rig.connect(Some(&owner)).await, &token).await;
    assert_eq!(answer, Some((StatusCode::OK, None, confirmed)));
    assert_eq!(rig.service.counts(), (3, 3));
}

#[tokio::test]
async fn stolen_token_is_refused_over_a_connection_with_the_certificate_of_the_thief() {
    let rig = Rig::start().await;
    let (owner, thief) = (rig.authority.client("orders"), rig.authority.client("thief"));
    let token = rig.token_for(&owner);
    check_refused(&call(&mut rig.connect(Some(&thief)).await, &token).await);
    // The same name in another certificate is another client.
    let namesake = rig.authority.client("orders");
    check_refused(&call(&mut rig.connect(Some(&namesake)).await, &token).await);
    assert_eq!(rig.service.counts(), (0, 0));
}

#[tokio::test]
async fn stolen_token_is_refused_over_a_connection_without_certificate() {
    let rig = Rig::start().await;
    let token = rig.token_for(&rig.authority.client("orders"));
    check_refused(&call(&mut rig.connect(None).await, &token).await);
    assert_eq!(rig.service.counts(), (0, 0));
}

#[tokio::test]
async fn token_that_is_not_bound_is_refused_whatever_the_certificate() {
    let rig = Rig::start().await;
    let client = rig.authority.client("orders");
    let token = token_of(&rig.issuer, &Value::Null);
    check_refused(&call(&mut rig.connect(Some(&client)).await, &token).await);
    check_refused(&call(&mut rig.connect(None).await, &token).await);
    assert_eq!(rig.service.counts(), (0, 0));
}

#[tokio::test]
async fn headers_that_speak_of_a_certificate_are_not_believed() {
    let rig = Rig::start().await;
    let (owner, thief) = (rig.authority.client("orders"), rig.authority.client("thief"));
    let authorization = format!("Bearer {}", rig.token_for(&owner));
    let imitations = imitations(&owner);
    for credentials in [Some(&thief), None] {
        let mut connection = rig.connect(credentials).await;
        for (name, value) in &imitations {
            let headers = [("authorization", authorization.as_str()), (*name, value.as_str())];
            check_refused(&connection.call(&headers).await);
        }
        let all = imitations.iter().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<_> = all.chain([("authorization", authorization.as_str())]).collect();
        check_refused(&connection.call(&all).await);
    }
    assert_eq!(rig.service.counts(), (0, 0));
}

#[tokio::test]
async fn headers_that_speak_of_a_certificate_are_not_believed_over_plain_http() {
    let (issuer, owner) = (Issuer::start().await.unwrap(), Authority::new().client("orders"));
    let service = Setup { identity: identity(&issuer).await, ..Setup::default() }.start().await;
    let token = token_of(&issuer, &json!({"x5t#S256": owner.thumbprint()}));
    let mut all = raw::call().bearer(&token);
    for (name, value) in imitations(&owner) {
        let response = service.refused(&raw::call().bearer(&token).header(name, &value), &[401]).await;
        assert_eq!(response.header("www-authenticate"), Some(BAD_TOKEN), "{name}");
        all = all.header(name, value);
    }
    service.refused(&all, &[401]).await;
}

#[tokio::test]
async fn certificate_of_one_connection_never_counts_on_another() {
    let rig = Rig::start().await;
    let clients = [rig.authority.client("orders"), rig.authority.client("ledger")];
    let tokens = [rig.token_for(&clients[0]), rig.token_for(&clients[1])];
    let [mut orders, mut ledger] =
        [rig.connect(Some(&clients[0])).await, rig.connect(Some(&clients[1])).await];
    let mut bare = rig.connect(None).await;
    for _ in 0..8 {
        let (own, other, without) = tokio::join!(
            call(&mut orders, &tokens[0]),
            call(&mut ledger, &tokens[0]),
            call(&mut bare, &tokens[0])
        );
        assert_eq!(own.map(|(status, ..)| status), Some(StatusCode::OK));
        check_refused(&other);
        check_refused(&without);
        let (other, own) = tokio::join!(call(&mut orders, &tokens[1]), call(&mut ledger, &tokens[1]));
        assert_eq!(own.map(|(status, ..)| status), Some(StatusCode::OK));
        check_refused(&other);
    }
    assert_eq!(rig.service.counts(), (16, 16));
}

#[tokio::test]
async fn certificate_that_nobody_vouches_for_does_not_get_as_far_as_a_request() {
    let rig = Rig::start().await;
    let stranger = Authority::new().client("orders");
    let token = rig.token_for(&stranger);
    assert_eq!(call(&mut rig.connect(Some(&stranger)).await, &token).await, None);
    assert_eq!(rig.service.counts(), (0, 0));
}
