//! Tokens of the shapes that well-known issuers make, under the settings of the guide `providers.md`; values are made up.

use kest_core::{Caller, IdentitySource};
use kest_identity::{ClaimNames, ClaimPath, TrustedIssuer};
use serde_json::{Value, json};

use crate::keys::SigningKey;
use crate::rig::{NOW, Rig, check_refused, signed};

/// An issuer with an RSA key, and a service that trusts it alone.
struct Provider {
    rig: Rig,
    key: SigningKey,
    header: Value,
}

impl Provider {
    /// `header` is what its tokens have beside algorithm and key.
    async fn new(header: Value, trusted: TrustedIssuer) -> Self {
        let key = SigningKey::rsa("kid-of-the-issuer");
        let mut jwk = key.jwk();
        // What issuers publish with a key, and nothing here needs.
        let more =
            json!({"use": "sig", "alg": "RS256", "x5t": "dGh1bWI", "x5c": ["MIIC"], "issuer": "https://i"});
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Self { rig: Rig::alone(jwk, trusted).await, key, header }
    }

    async fn send(&self, claims: &Value) -> Result<Caller, kest_core::AuthenticateError> {
        let mut header = json!({"alg": "RS256", "kid": self.key.id});
        header.as_object_mut().unwrap().extend(self.header.as_object().unwrap().clone());
        self.rig.send_token(&signed(&self.key, &header, claims)).await
    }

    /// Checks whom a token speaks for: user, agent, task, tenant.
    async fn check(&self, claims: &Value, expected: [Option<&str>; 4], scopes: &[&str], roles: &[&str]) {
        let who = self.send(claims).await.unwrap();
        let names =
            |names: &[std::sync::Arc<str>]| names.iter().map(|name| (**name).to_owned()).collect::<Vec<_>>();
        assert_eq!([who.user(), who.agent(), who.task(), who.tenant()], expected);
        assert_eq!((names(who.scopes()), names(who.roles())), (texts(scopes), texts(roles)));
        assert_eq!(who.source(), IdentitySource::Jwt);
    }

    /// Checks that `claims` changed by these members are refused for this reason; `null` takes a member away.
    async fn check_refused(&self, claims: &Value, changes: &Value, kind: &str) {
        let mut claims = claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        check_refused(self.send(&claims).await, kind);
    }
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn keycloak() {
    let trusted = TrustedIssuer::new("https://id.example/realms/shop")
        .audience("orders")
        .accept_plain_jwt()
        .require("typ", "Bearer")
        .claims(
            ClaimNames::default()
                .with_user("preferred_username")
                .with_agents(["azp"])
                .with_roles(["realm_access", "roles"])
                .and_roles(["resource_access", "orders", "roles"]),
        );
    let keycloak = Provider::new(json!({"typ": "JWT"}), trusted).await;
    let access = json!({
        "exp": NOW + 300, "iat": NOW, "auth_time": NOW - 5, "jti": "onrtac:0b7c", "iss": "https://id.example/realms/shop",
        "aud": ["orders", "account"], "sub": "f3a1c1de-0000-4000-8000-000000000001", "typ": "Bearer", "azp": "web",
        "sid": "5c7e", "acr": "1", "allowed-origins": ["https://shop.example"],
        "realm_access": {"roles": ["offline_access", "uma_authorization", "clerk"]},
        "resource_access": {"orders": {"roles": ["approver"]}, "account": {"roles": ["manage-account"]}},
        "scope": "openid email profile", "email_verified": true, "preferred_username": "alice",
    });
    keycloak
        .check(
            &access,
            [Some("alice"), Some("web"), Some("openid email profile"), None],
            &["email", "openid", "profile"],
            &["approver", "clerk", "offline_access", "uma_authorization"],
        )
        .await;
    let id = json!({"typ": "ID", "aud": "orders", "at_hash": "x", "nonce": "y"});
    keycloak.check_refused(&access, &id, "id_token").await;
    keycloak.check_refused(&access, &json!({"typ": "ID", "aud": "orders"}), "required_claim").await;
    keycloak.check_refused(&access, &json!({"typ": "Logout", "events": {}}), "type").await;
    keycloak.check_refused(&access, &json!({"aud": "account"}), "audience").await;
}

#[tokio::test]
async fn entra_id_of_both_versions() {
    let tenant = "aaaabbbb-0000-4000-8000-000000000001";
    let names = |agents: &str| {
        ClaimNames::default().with_user("oid").with_agents([agents]).with_scopes("scp").with_task("scp")
    };
    let second = TrustedIssuer::new(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
        .audience("11112222-0000-4000-8000-000000000002")
        .accept_plain_jwt()
        .require("ver", "2.0")
        .tenant_claim("tid")
        .claims(names("azp"));
    let second = Provider::new(json!({"typ": "JWT", "x5t": "dGh1bWI"}), second).await;
    let access = json!({
        "aud": "11112222-0000-4000-8000-000000000002",
        "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 4500, "aio": "ATQA", "azp": "web-client", "azpacr": "1",
        "name": "Alice", "oid": "object-of-alice", "preferred_username": "alice@acme.example", "rh": "0.AX0A",
        "roles": ["Orders.Approve"], "scp": "Orders.Read Orders.Write", "sub": "pairwise", "tid": tenant, "uti": "u",
        "ver": "2.0",
    });
    let who = [Some("object-of-alice"), Some("web-client"), Some("Orders.Read Orders.Write"), Some(tenant)];
    second.check(&access, who, &["Orders.Read", "Orders.Write"], &["Orders.Approve"]).await;
    let id = json!({"nonce": "n", "scp": null, "azp": null});
    second.check_refused(&access, &id, "id_token").await;
    let other =
        json!({"iss": "https://login.microsoftonline.com/another-tenant/v2.0", "tid": "another-tenant"});
    second.check_refused(&access, &other, "issuer").await;

    let first = TrustedIssuer::new(format!("https://sts.windows.net/{tenant}/"))
        .audience("api://orders")
        .accept_plain_jwt()
        .require("ver", "1.0")
        .tenant_claim("tid")
        .claims(names("appid"));
    let first = Provider::new(json!({"typ": "JWT", "x5t": "dGh1bWI"}), first).await;
    let access = json!({
        "aud": "api://orders", "iss": format!("https://sts.windows.net/{tenant}/"), "iat": NOW - 10, "nbf": NOW - 10,
        "exp": NOW + 4500, "acr": "1", "aio": "ATQA", "amr": ["pwd"], "appid": "web-client", "appidacr": "1",
        "family_name": "A", "ipaddr": "192.0.2.1", "oid": "object-of-alice", "scp": "Orders.Read", "sub": "pairwise",
        "tid": tenant, "unique_name": "alice@acme.example", "upn": "alice@acme.example", "uti": "u", "ver": "1.0",
    });
    let who = [Some("object-of-alice"), Some("web-client"), Some("Orders.Read"), Some(tenant)];
    first.check(&access, who, &["Orders.Read"], &[]).await;
    first.check_refused(&access, &json!({"aud": "00000003-0000-0000-c000-000000000000"}), "audience").await;
}

#[tokio::test]
async fn auth0() {
    let trusted = TrustedIssuer::new("https://acme.eu.auth0.com/")
        .audience("https://orders.example/")
        .accept_plain_jwt()
        .claims(
            ClaimNames::default()
                .with_agents(["azp"])
                .with_roles("https://example.com/roles")
                .and_roles("permissions"),
        );
    let auth0 = Provider::new(json!({"typ": "JWT"}), trusted).await;
    let access = json!({
        "https://example.com/roles": ["clerk"], "iss": "https://acme.eu.auth0.com/", "sub": "auth0|alice",
        "aud": ["https://orders.example/", "https://acme.eu.auth0.com/userinfo"], "iat": NOW, "exp": NOW + 7200,
        "azp": "web-client", "scope": "openid read:orders", "permissions": ["approve:orders"],
    });
    let who = [Some("auth0|alice"), Some("web-client"), Some("openid read:orders"), None];
    auth0.check(&access, who, &["openid", "read:orders"], &["approve:orders", "clerk"]).await;
    let id = json!({"aud": "web-client", "azp": null, "scope": null, "sid": "s"});
    auth0.check_refused(&access, &id, "audience").await;
    auth0.check_refused(&access, &json!({"nonce": "n"}), "id_token").await;
}

#[tokio::test]
async fn okta() {
    let trusted = TrustedIssuer::new("https://acme.okta.com/oauth2/default")
        .audience("api://default")
        .accept_plain_jwt()
        .claims(
            ClaimNames::default()
                .with_agents(["cid"])
                .with_scopes("scp")
                .with_task("scp")
                .with_roles("groups"),
        );
    let okta = Provider::new(json!({}), trusted).await;
    let access = json!({
        "ver": 1, "jti": "AT.x", "iss": "https://acme.okta.com/oauth2/default", "aud": "api://default", "iat": NOW,
        "exp": NOW + 3600, "cid": "web-client", "uid": "00u1", "scp": ["openid", "orders.read"], "auth_time": NOW - 9,
        "sub": "alice@acme.example", "groups": ["Everyone", "Order Clerks"],
    });
    let who = [Some("alice@acme.example"), Some("web-client"), Some("openid orders.read"), None];
    okta.check(&access, who, &["openid", "orders.read"], &["Everyone", "Order Clerks"]).await;
    let id =
        json!({"aud": "web-client", "at_hash": "x", "idp": "00o1", "amr": ["pwd"], "cid": null, "scp": null});
    okta.check_refused(&access, &id, "id_token").await;
    okta.check_refused(&access, &json!({"aud": "web-client"}), "audience").await;
}

#[tokio::test]
async fn cognito() {
    let trusted = TrustedIssuer::new("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Pool")
        .audience_claim("client_id")
        .audience("web-client")
        .accept_plain_jwt()
        .require("token_use", "access")
        .claims(ClaimNames::default().with_user("username").with_roles("cognito:groups"));
    let cognito = Provider::new(json!({}), trusted).await;
    let access = json!({
        "sub": "aaaa-bbbb", "cognito:groups": ["clerks"], "version": 2, "client_id": "web-client", "origin_jti": "o",
        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Pool", "event_id": "e",
        "token_use": "access", "scope": "openid orders/read", "auth_time": NOW, "iat": NOW, "exp": NOW + 3600,
        "jti": "j", "username": "alice",
    });
    let who = [Some("alice"), Some("web-client"), Some("openid orders/read"), None];
    cognito.check(&access, who, &["openid", "orders/read"], &["clerks"]).await;
    let id = json!({"token_use": "id", "aud": "web-client", "client_id": null, "cognito:username": "alice"});
    cognito.check_refused(&access, &id, "audience").await;
    cognito.check_refused(&access, &json!({"token_use": "id"}), "required_claim").await;
    cognito.check_refused(&access, &json!({"client_id": "another-client"}), "audience").await;
}

#[tokio::test]
async fn google_for_services() {
    let trusted = TrustedIssuer::new("https://accounts.google.com")
        .audience("https://orders.example")
        .accept_plain_jwt()
        .claims(ClaimNames::default().with_user("email").with_agents(["azp"]));
    let google = Provider::new(json!({"typ": "JWT"}), trusted).await;
    let identity = json!({
        "aud": "https://orders.example", "azp": "1001", "email": "cart@acme.iam.gserviceaccount.com",
        "email_verified": true, "exp": NOW + 3600, "iat": NOW, "iss": "https://accounts.google.com", "sub": "1001",
    });
    let who = [Some("cart@acme.iam.gserviceaccount.com"), Some("1001"), None, None];
    google.check(&identity, who, &[], &[]).await;
    let login = json!({"aud": "1.apps.googleusercontent.com", "azp": "1.apps.googleusercontent.com"});
    google.check_refused(&identity, &login, "audience").await;
    google.check_refused(&identity, &json!({"at_hash": "x"}), "id_token").await;

    let account = "robot@acme.iam.gserviceaccount.com";
    let signing = TrustedIssuer::new(account).audience("https://orders.example").accept_plain_jwt();
    let signing = Provider::new(json!({"typ": "JWT"}), signing).await;
    let own = json!({"iss": account, "sub": account, "aud": "https://orders.example", "iat": NOW, "exp": NOW + 3600});
    signing.check(&own, [Some(account), None, None, None], &[], &[]).await;
}

#[tokio::test]
async fn kubernetes_service_accounts() {
    let trusted = TrustedIssuer::new("https://kubernetes.default.svc.cluster.local")
        .audience("orders")
        .accept_plain_jwt()
        .tenant_claim(["kubernetes.io", "namespace"])
        .claims(ClaimNames::default().with_agents([ClaimPath::from(["kubernetes.io", "pod", "name"])]));
    let kubernetes = Provider::new(json!({}), trusted).await;
    let projected = json!({
        "aud": ["orders"], "exp": NOW + 3607, "iat": NOW, "nbf": NOW, "jti": "j",
        "iss": "https://kubernetes.default.svc.cluster.local",
        "kubernetes.io": {
            "namespace": "shop", "node": {"name": "node-1", "uid": "n"}, "pod": {"name": "cart-7d9f", "uid": "p"},
            "serviceaccount": {"name": "cart", "uid": "s"},
        },
        "sub": "system:serviceaccount:shop:cart",
    });
    let who = [Some("system:serviceaccount:shop:cart"), Some("cart-7d9f"), None, Some("shop")];
    kubernetes.check(&projected, who, &[], &[]).await;
    // What lies in a secret for ever, and what is for the API server.
    let legacy = json!({"aud": null, "exp": null, "iss": "kubernetes/serviceaccount"});
    kubernetes.check_refused(&projected, &legacy, "issuer").await;
    let for_api = json!({"aud": ["https://kubernetes.default.svc.cluster.local"]});
    kubernetes.check_refused(&projected, &for_api, "audience").await;
    kubernetes.check_refused(&projected, &json!({"exp": null}), "no_expiry").await;
}

#[tokio::test]
async fn github_actions() {
    let trusted = TrustedIssuer::new("https://token.actions.githubusercontent.com")
        .audience("https://orders.example")
        .accept_plain_jwt()
        .require("repository_owner_id", "4711")
        .claims(ClaimNames::default().with_agents(["job_workflow_ref"]).with_task("event_name"));
    let github = Provider::new(json!({"typ": "JWT", "x5t": "dGh1bWI"}), trusted).await;
    let job = json!({
        "jti": "j", "sub": "repo:acme/shop:environment:production", "aud": "https://orders.example",
        "ref": "refs/heads/main", "sha": "0a1b", "repository": "acme/shop", "repository_owner": "acme",
        "repository_owner_id": "4711", "run_id": "99", "run_attempt": "1", "actor": "alice", "workflow": "deploy",
        "event_name": "push", "ref_type": "branch", "environment": "production", "repository_visibility": "private",
        "job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "runner_environment": "github-hosted",
        "iss": "https://token.actions.githubusercontent.com", "nbf": NOW - 600, "exp": NOW + 300, "iat": NOW,
    });
    let workflow = "acme/shop/.github/workflows/deploy.yml@refs/heads/main";
    let who = [Some("repo:acme/shop:environment:production"), Some(workflow), Some("push"), None];
    github.check(&job, who, &[], &[]).await;
    let theirs = json!({"sub": "repo:acme/evil:ref:refs/heads/main", "repository_owner_id": "666"});
    github.check_refused(&job, &theirs, "required_claim").await;
    for odd in [json!(4711), json!(["4711"]), json!(""), json!(null)] {
        github.check_refused(&job, &json!({ "repository_owner_id": odd }), "required_claim").await;
    }
}
