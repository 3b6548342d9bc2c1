//! Scopes and roles of the caller's own token, asked for by a layer before any policy: RFC 6750 and RFC 9728.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use kest_identity::{
    ClaimNames, Grants, IdentityChoice, JwtAuthenticator, ResourceMetadata, TrustedIssuer, WithoutToken,
};
use kest_tests::{keys, raw};
use kest_tower::{GuardLayer, InboundLayer, ScopeError};
use serde_json::{Value, json};
use three_services::issuer::Issuer;
use tokio::net::TcpListener;

const AUDIENCE: &str = "shop";

/// A service whose one route needs a scope and a role.
async fn service(issuer: &Issuer, without: WithoutToken) -> SocketAddr {
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(issuer.jwks_uri())
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .claims(ClaimNames::default())
        .without_token(without)
        .accept_plain_jwt()
        .build()
        .unwrap();
    let guard = GuardLayer::scopes(["orders:read", "orders:write"]).unwrap().roles(["clerk"]).realm("shop");
    let metadata = ResourceMetadata::of("https://orders.example").unwrap().scopes(["orders:read"]);
    let router = Router::new()
        .route("/call", post(async || "done").route_layer(guard))
        .layer(InboundLayer::builder(keys::ring()).identity(IdentityChoice::jwks(jwt)).build())
        .merge(kest::extract::protected_resource(&metadata).unwrap())
        .route("/unguarded", get(async || "ok"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn check(claims: Value, status: u16, challenge: Option<&str>) {
    let issuer = Issuer::start().await.unwrap();
    let address = service(&issuer, WithoutToken::Refuse).await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut all =
        json!({"iss": issuer.name(), "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let token = issuer.sign(&all).unwrap();
    let response = raw::call().bearer(&token).send(address).await;
    assert_eq!((response.status, response.header("www-authenticate")), (status, challenge), "{claims}");
    assert_eq!(response.body.is_empty(), status != 200, "{claims}");
}

/// A service whose one route is behind `guard`.
async fn guarded(identity: IdentityChoice, guard: GuardLayer) -> SocketAddr {
    let router = Router::new()
        .route("/call", post(async || "done").route_layer(guard))
        .layer(InboundLayer::builder(keys::ring()).identity(identity).build());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn clerk_guard() -> GuardLayer {
    GuardLayer::scopes(["orders:write"]).unwrap().roles(["clerk"])
}

/// Our own issuer, and a partner's that names what it likes.
struct Two {
    ours: Issuer,
    partners: Issuer,
}

impl Two {
    async fn start() -> Self {
        Self { ours: Issuer::start().await.unwrap(), partners: Issuer::start().await.unwrap() }
    }

    fn trusting(&self, ours: Option<Grants>, partners: Option<Grants>) -> IdentityChoice {
        let trusted = |issuer: &Issuer, tenant: &str, grants: Option<Grants>| {
            let trusted = TrustedIssuer::new(issuer.name())
                .jwks_uri(issuer.jwks_uri())
                .audience(AUDIENCE)
                .tenant(tenant)
                .accept_plain_jwt();
            match grants {
                Some(grants) => trusted.grants(grants),
                None => trusted,
            }
        };
        let (ours, partners) =
            (trusted(&self.ours, "acme", ours), trusted(&self.partners, "globex", partners));
        let jwt = JwtAuthenticator::builder().trust(ours).trust(partners).build().unwrap();
        IdentityChoice::jwks(jwt)
    }

    /// What the clerks of ours and of the partner's are answered.
    async fn clerks_at(&self, address: SocketAddr) -> [u16; 2] {
        [clerk_at(&self.ours, address).await, clerk_at(&self.partners, address).await]
    }
}

/// What a clerk whom `issuer` made one is answered.
async fn clerk_at(issuer: &Issuer, address: SocketAddr) -> u16 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let claims = json!({"iss": issuer.name(), "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300,
        "scope": "orders:write", "roles": ["clerk"]});
    raw::call().bearer(&issuer.sign(&claims).unwrap()).send(address).await.status
}

#[tokio::test]
async fn role_and_scope_of_a_partner_open_no_guard_of_ours() {
    let two = Two::start().await;
    for partners in [None, Some(Grants::none()), Some(Grants::all().with_roles(["buyer"]))] {
        let identity = two.trusting(Some(Grants::all()), partners.clone());
        assert_eq!(two.clerks_at(guarded(identity, clerk_guard()).await).await, [200, 403], "{partners:?}");
    }
    let scope_only = two.trusting(Some(Grants::all()), Some(Grants::none().with_roles(["clerk"])));
    let guard = GuardLayer::scopes(["orders:write"]).unwrap();
    assert_eq!(two.clerks_at(guarded(scope_only, guard).await).await, [200, 403]);
}

#[tokio::test]
async fn of_several_issuers_one_about_which_nothing_is_said_grants_nothing() {
    let two = Two::start().await;
    let address = guarded(two.trusting(None, None), clerk_guard()).await;
    assert_eq!(two.clerks_at(address).await, [403, 403]);
    let address = guarded(two.trusting(Some(Grants::all()), Some(Grants::all())), clerk_guard()).await;
    assert_eq!(two.clerks_at(address).await, [200, 200]);
}

#[tokio::test]
async fn guard_that_names_issuer_or_tenant_takes_grants_of_no_other() {
    let two = Two::start().await;
    for (guard, expected) in [
        (clerk_guard().issuer(two.ours.name()), [200, 403]),
        (clerk_guard().issuer(two.partners.name()), [403, 200]),
        (clerk_guard().issuer(two.ours.name()).issuer(two.partners.name()), [200, 200]),
        (clerk_guard().issuer(format!("{}/", two.ours.name())), [403, 403]),
        (clerk_guard().tenant("acme"), [200, 403]),
        (clerk_guard().tenant("acme").tenant("globex"), [200, 200]),
        (clerk_guard().issuer(two.partners.name()).tenant("acme"), [403, 403]),
        (clerk_guard().tenant(""), [403, 403]),
    ] {
        let identity = two.trusting(Some(Grants::all()), Some(Grants::all()));
        let described = format!("{guard:?}");
        assert_eq!(two.clerks_at(guarded(identity, guard).await).await, expected, "{described}");
    }
}

#[tokio::test]
async fn guard_honours_no_unverified_token() {
    let issuer = Issuer::start().await.unwrap();
    for guard in
        [clerk_guard(), clerk_guard().issuer(issuer.name()), GuardLayer::for_roles(["clerk"]).unwrap()]
    {
        let described = format!("{guard:?}");
        let address = guarded(IdentityChoice::dangerous_insecure_no_verify(), guard).await;
        assert_eq!(clerk_at(&issuer, address).await, 403, "{described}");
        assert_eq!(raw::call().send(address).await.status, 403, "{described}");
    }
}

#[test]
fn guard_that_asks_for_nothing_is_not_built() {
    let none: [&str; 0] = [];
    assert_eq!(GuardLayer::scopes(none).unwrap_err(), ScopeError::NothingAsked);
    assert_eq!(GuardLayer::for_roles(none).unwrap_err(), ScopeError::NothingAsked);
    assert_eq!(GuardLayer::for_roles([""]).unwrap_err(), ScopeError::NamelessRole);
}

#[tokio::test]
async fn who_brings_no_token_where_a_role_is_needed_is_told_to_bring_one() {
    let issuer = Issuer::start().await.unwrap();
    let jwt = JwtAuthenticator::builder()
        .jwks_uri(issuer.jwks_uri())
        .issuer(issuer.name())
        .audience(AUDIENCE)
        .accept_plain_jwt()
        .without_token(WithoutToken::Anonymous)
        .build()
        .unwrap();
    let address = guarded(IdentityChoice::jwks(jwt), GuardLayer::for_roles(["clerk"]).unwrap()).await;
    let response = raw::call().send(address).await;
    assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(clerk_at(&issuer, address).await, 200);
}

#[tokio::test]
async fn caller_with_every_scope_and_role_gets_through() {
    let claims = json!({"scope": "orders:write profile orders:read", "roles": ["clerk", "auditor"]});
    check(claims, 200, None).await;
}

#[tokio::test]
async fn caller_who_lacks_a_scope_is_told_which_are_needed() {
    let challenge = "Bearer realm=\"shop\", error=\"insufficient_scope\", scope=\"orders:read orders:write\"";
    for scope in ["orders:read", "orders:write", "orders:read orders:writer", "orders:READ orders:write", ""]
    {
        check(json!({"scope": scope, "roles": ["clerk"]}), 403, Some(challenge)).await;
    }
    check(json!({"roles": ["clerk", "orders:read", "orders:write"]}), 403, Some(challenge)).await;
}

#[tokio::test]
async fn caller_who_lacks_a_role_is_refused_without_a_challenge() {
    let scope = "orders:read orders:write";
    check(json!({"scope": scope}), 403, None).await;
    check(json!({"scope": format!("{scope} clerk"), "roles": ["Clerk", "clerks"]}), 403, None).await;
}

#[tokio::test]
async fn who_brings_no_token_is_told_what_to_bring_without_an_error_code() {
    let issuer = Issuer::start().await.unwrap();
    let address = service(&issuer, WithoutToken::Anonymous).await;
    let response = raw::call().send(address).await;
    let challenge = response.header("www-authenticate");
    assert_eq!((response.status, response.body.as_str()), (401, ""));
    assert_eq!(challenge, Some("Bearer realm=\"shop\", scope=\"orders:read orders:write\""));
}

#[tokio::test]
async fn guard_without_inbound_layer_refuses_everything() {
    let guard = GuardLayer::scopes(["orders:read"]).unwrap();
    let router: Router = Router::new().route("/call", post(async || "done").route_layer(guard));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let response = raw::call().send(address).await;
    assert_eq!((response.status, response.body.as_str()), (500, ""));
}

#[test]
fn scope_that_could_break_out_of_its_quotes_is_refused() {
    for wrong in ["", "a b", "a\"b", "a\\b", "a\nb", "ä"] {
        assert!(GuardLayer::scopes([wrong]).is_err(), "{wrong}");
    }
    assert!(GuardLayer::scopes(["urn:x:orders/read!#$%&'()*+,-.:;<=>?@[]^_`{|}~"]).is_ok());
}

#[tokio::test]
async fn metadata_is_served_to_whoever_has_no_token_yet() {
    let issuer = Issuer::start().await.unwrap();
    let address = service(&issuer, WithoutToken::Refuse).await;
    let url = format!("http://{address}/.well-known/oauth-protected-resource");
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let document: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(document["resource"], "https://orders.example");
    assert_eq!(document["scopes_supported"], json!(["orders:read"]));
}
