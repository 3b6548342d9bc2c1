//! One address, however it is spelled and wherever in nested routers the layers stand: what policy was asked about and
//! what was signed is what the handler served.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use kest_axum::{Admitted, resource_of_parameters};
use kest_core::entry::Resource;
use kest_core::policy::policy_fn;
use kest_core::signature::{Ed25519Signer, KeyRing, WorkloadId};
use kest_core::{Admitter, Operation, OsRandom};
use kest_identity::IdentityChoice;
use kest_tower::{InboundLayer, OperationLayer};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A router in a router in a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    In,
    Between,
    Around,
}

/// How the resource is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    FromPath,
    RawPath,
    Parameters,
}

const PLACES: [Place; 3] = [Place::In, Place::Between, Place::Around];
const NAMINGS: [Naming; 3] = [Naming::FromPath, Naming::RawPath, Naming::Parameters];

fn inbound(signer: &Ed25519Signer) -> InboundLayer {
    let mut ring = KeyRing::new();
    ring.trust_signer(signer).unwrap();
    InboundLayer::builder(Arc::new(ring))
        .identity(IdentityChoice::from_lineage())
        .dangerous_bearer_passports()
        .build()
}

/// Says no to the secret, by its whole address and by the name that is made of its parameter.
fn operation(signer: Arc<Ed25519Signer>, naming: Naming) -> OperationLayer {
    let forbidden = ["/api/v1/docs/secret", "/api/v1/files/secret", "/documents/secret"];
    let policy =
        policy_fn("not_the_secret", move |it| !it.resource().id().is_some_and(|id| forbidden.contains(&id)));
    let layer = OperationLayer::new(
        Admitter::builder(signer).build(),
        Operation::named("read").unwrap(),
        policy.unwrap(),
    );
    match naming {
        Naming::FromPath => layer.resource_from_path(),
        Naming::RawPath => layer.resource(|parts| Resource::new(parts.uri.path())),
        Naming::Parameters => layer.resource(resource_of_parameters("/documents/{*id}").unwrap()),
    }
}

/// What was signed, and what was served.
async fn read(Path(id): Path<String>, Admitted(admission): Admitted) -> String {
    format!("{}\n{id}", admission.entry().labels().get("kest.resource_id").unwrap())
}

/// `/api/v1/docs/{id}` and `/api/v1/files/{*id}`, with each layer on one of three routers.
fn app(inbound_at: Place, operation_at: Place, naming: Naming) -> Router {
    let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("docs").unwrap(), &OsRandom).unwrap());
    let (inbound, operation) = (inbound(&signer), operation(signer, naming));
    let layered = |router: Router, place: Place| {
        let router = if operation_at == place { router.layer(operation.clone()) } else { router };
        if inbound_at == place { router.layer(inbound.clone()) } else { router }
    };
    let routes = Router::new().route("/docs/{id}", get(read)).route("/files/{*id}", get(read));
    let routes = layered(routes, Place::In);
    let version = layered(Router::new().nest("/v1", routes), Place::Between);
    layered(Router::new().nest("/api", version), Place::Around)
}

struct Server(std::net::SocketAddr, tokio::task::JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.1.abort();
    }
}

impl Server {
    async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self(address, tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }))
    }

    /// Status and body for these very bytes as the target, which no client library would send.
    async fn get(&self, target: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: docs.example\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

/// Where layers may stand: the operation inside of the arrival, or on the same router.
fn stacks() -> impl Iterator<Item = (Place, Place)> {
    let pairs = PLACES.into_iter().flat_map(|outer| PLACES.map(|inner| (outer, inner)));
    pairs.filter(|(outer, inner)| inner <= outer)
}

/// The name of what was served, as a client that spells normally would have asked for it.
fn expected(naming: Naming, folder: &str, served: &str) -> Resource {
    let segments = served.strip_suffix('/').unwrap_or(served).split('/');
    match naming {
        Naming::Parameters => Resource::from_segments(["documents"].into_iter().chain(segments)),
        Naming::FromPath | Naming::RawPath => {
            Resource::from_segments(["api", "v1", folder].into_iter().chain(segments))
        }
    }
    .unwrap()
}

/// Spellings of the last segments; the handler of some of them serves something else, and of most of them nothing.
const SPELLINGS: [&str; 44] = [
    "secret",
    "%73ecret",
    "%73%65%63%72%65%74",
    "secre%74",
    "s%65cret",
    "%2573ecret",
    "Secret",
    "%53ecret",
    "./secret",
    "%2e/secret",
    "%2E/secret",
    "x/../secret",
    "x/%2e%2e/secret",
    "x/.%2e/secret",
    "x/%2E./secret",
    "..;/secret",
    "%2e%2e;x/secret",
    "../docs/secret",
    "secret/",
    "secret//",
    "/secret",
    "//secret",
    "%2Fsecret",
    "x%2f..%2fsecret",
    "secret%2F",
    "secret%2f",
    "%5Csecret",
    "x%5c..%5csecret",
    "\\secret",
    "secret%00",
    "%00secret",
    "secret%00.txt",
    "secret;x=1",
    "secret%3bx=1",
    "secret.",
    "secret%2e",
    "secret%20",
    "secret%09",
    "secret%0a",
    "secret%",
    "secret%7",
    "%zzsecret",
    "%C0%AE/secret",
    "secret?x=/open",
];

#[tokio::test]
async fn secret_has_one_spelling_in_around_and_between_nested_routers() {
    for (outer, inner) in stacks() {
        for naming in NAMINGS {
            let server = Server::start(app(outer, inner, naming)).await;
            for folder in ["docs", "files"] {
                for spelling in SPELLINGS {
                    let target = format!("/api/v1/{folder}/{spelling}");
                    let (status, body) = server.get(&target).await;
                    let told = format!(
                        "{target} with {naming:?} and layers {outer:?} and {inner:?}: {status} {body:?}"
                    );
                    if status == 200 {
                        let (signed, served) = body.split_once('\n').unwrap();
                        assert_eq!(Some(signed), expected(naming, folder, served).id(), "{told}");
                        assert_ne!(served.trim_matches('/'), "secret", "{told}");
                    } else {
                        assert!(matches!(status, 400 | 403 | 404) && body.is_empty(), "{told}");
                    }
                }
                let (status, _body) = server.get(&format!("/api/v1/{folder}/%73ecret")).await;
                assert_eq!(status, 403, "{folder} {naming:?} {outer:?} {inner:?}");
            }
        }
    }
}

#[tokio::test]
async fn prefix_of_a_nest_is_part_of_the_resource() {
    for (outer, inner) in stacks() {
        for naming in [Naming::FromPath, Naming::RawPath] {
            let server = Server::start(app(outer, inner, naming)).await;
            let answer = server.get("/api/v1/docs/open").await;
            assert_eq!(answer, (200, "/api/v1/docs/open\nopen".to_owned()), "{naming:?} {outer:?} {inner:?}");
            // RFC 9112 section 3.2.2: the absolute form asks for the same.
            let answer = server.get("http://docs.example/api/v1/docs/%6fpen").await;
            assert_eq!(answer, (200, "/api/v1/docs/open\nopen".to_owned()), "{naming:?} {outer:?} {inner:?}");
        }
    }
}

#[tokio::test]
async fn path_without_a_normal_form_and_one_that_is_too_long_are_the_callers_fault() {
    for naming in NAMINGS {
        let server = Server::start(app(Place::Around, Place::In, naming)).await;
        assert_eq!(server.get("/api/v1/docs/a%2Fb").await, (400, String::new()), "{naming:?}");
        let long = format!("/api/v1/docs/{}", "x".repeat(12 * 1024));
        assert_eq!(server.get(&long).await, (431, String::new()), "{naming:?}");
    }
}

#[tokio::test]
async fn parameter_that_the_route_does_not_have_is_our_own_fault() {
    let signer = Arc::new(Ed25519Signer::ephemeral(WorkloadId::new("docs").unwrap(), &OsRandom).unwrap());
    let allow = policy_fn("anyone", |_| true).unwrap();
    let layer = OperationLayer::new(
        Admitter::builder(Arc::<Ed25519Signer>::clone(&signer)).build(),
        Operation::named("read").unwrap(),
        allow,
    )
    .resource(resource_of_parameters("/documents/{name}").unwrap());
    let app = Router::new().route("/docs/{id}", get(read).route_layer(layer)).layer(inbound(&signer));
    assert_eq!(Server::start(app).await.get("/docs/open").await, (500, String::new()));
    for template in ["", "/", "/a//{b}", "/../{b}"] {
        assert!(resource_of_parameters(template).is_err(), "{template:?}");
    }
}

/// One segment of ordinary and odd characters, and its spelling with some of them escaped, some of those in lower case.
fn spelled() -> impl Strategy<Value = (String, String)> {
    prop::collection::vec(("[!-~ \u{e9}\u{2603}]", 0_u8..4), 1..6).prop_map(|characters| {
        let mut spelling = String::new();
        for (character, way) in &characters {
            let must =
                !character.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"#%<>?/\\^`{|}".contains(&byte));
            for byte in character.bytes() {
                match (must, way) {
                    (_, 0) => spelling.push_str(&format!("%{byte:02x}")),
                    (_, 1) | (true, _) => spelling.push_str(&format!("%{byte:02X}")),
                    _ => spelling.push(char::from(byte)),
                }
            }
        }
        (characters.into_iter().map(|(character, _)| character).collect(), spelling)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn normal_form_is_its_own_normal_form(path in "/[ -~\u{e9}%/.0-9A-Fa-f]{0,24}") {
        if let Ok(normal) = kest_core::NormalPath::parse(&path) {
            let again = kest_core::NormalPath::parse(normal.as_str());
            prop_assert_eq!(again, Ok(normal));
        }
    }

    #[test]
    fn spellings_that_are_served_as_one_are_one_resource_or_refused((segment, spelling) in spelled()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let request = http::Request::builder().uri(format!("/api/v1/docs/{spelling}"));
        let request = request.body(axum::body::Body::empty()).unwrap();
        let (status, body) = runtime.block_on(async {
            let app = app(Place::In, Place::In, Naming::FromPath);
            let answer = tower::ServiceExt::oneshot(app, request).await.unwrap();
            (answer.status().as_u16(), axum::body::to_bytes(answer.into_body(), 1 << 16).await.unwrap())
        });
        match (status, Resource::from_segments(["api", "v1", "docs", segment.as_str()])) {
            (200, Ok(resource)) => {
                let whole = format!("{}\n{segment}", resource.id().unwrap());
                prop_assert_eq!(body, whole.as_bytes());
            }
            (200, Err(error)) => panic!("{spelling} is served, and its resource is refused: {error}"),
            (status, resource) => prop_assert!(matches!(status, 400 | 404) && resource.is_err(), "{status} {spelling}"),
        }
    }
}
