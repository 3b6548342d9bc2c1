//! The README's commands, code and policy, run as they are printed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use kest::baggage::{HeaderReader, restore};
use kest::core::SystemClock;
use kest::{Clock as _, Ed25519Signer, Kest, KeyRing, Limits, Operation, Origin, dangerous_allow_all};
use serde_json::json;
use three_services::issuer::Issuer;
use tokio::net::TcpListener;

use kest_tests::programs;

/// The README's own code.
mod printed {
    include!(concat!(env!("OUT_DIR"), "/readme.rs"));
}

static PLACES: OnceLock<HashMap<&str, String>> = OnceLock::new();

/// What the README names by an example.
pub(crate) fn place(name: &str) -> &'static str {
    &PLACES.get().unwrap()[name]
}

#[tokio::test]
async fn commands_code_and_policy_of_the_readme_work_as_printed() {
    let readme = std::fs::read_to_string(programs::repository().join("README.md")).unwrap();
    let folder = programs::folder("readme");
    let [keygen, bundle, verify] = key_commands(&readme);
    run(&folder, "cargo run -p kest-cli -- keygen --workload spiffe://example.org/web --out keys");
    run(&folder, keygen);
    run(&folder, bundle);
    std::fs::create_dir(folder.join("policies")).unwrap();
    std::fs::write(folder.join("policies/shop.cedar"), policy(&readme)).unwrap();

    let issuer = Issuer::start().await.unwrap();
    let arrived = Arc::new(Mutex::new(HeaderMap::new()));
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let places = HashMap::from([
        ("key", key(&folder, "cart").to_str().unwrap().to_owned()),
        ("bundle", path("bundle.json")),
        ("policy", path("policies/shop.cedar")),
        ("issuer", issuer.name()),
        ("stock", serve(stock(&arrived)).await),
    ]);
    PLACES.set(places).unwrap();

    let origin = serve(printed::service::service().unwrap()).await;
    let told = check_route(&origin, &folder, &issuer).await;
    assert_eq!(told, "1 hops, stock said Ok(200)");
    let headers = arrived.lock().unwrap().clone();
    let entries = passport(&headers).await;
    std::fs::write(folder.join("passport.json"), json!(entries).to_string()).unwrap();
    let verdict = run(&folder, verify);
    assert!(verdict.starts_with("accepted") && verdict.contains("spiffe://example.org/cart"), "{verdict}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Allowed with a token, refused without one and for what a language model wrote; what the first was told.
async fn check_route(origin: &str, folder: &Path, issuer: &Issuer) -> String {
    let now = SystemClock.unix_seconds();
    let token = issuer.sign(&json!({
        "iss": issuer.name(), "aud": "shop", "sub": "alice", "client_id": "web", "jti": "1", "iat": now, "exp": now + 60,
    }));
    let (token, url) = (token.unwrap(), format!("{origin}/reserve"));
    let plain = reqwest::Client::new();
    let allowed = plain.post(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(allowed.status(), StatusCode::OK);
    let told = allowed.text().await.unwrap();
    let anonymous = plain.post(&url).send().await.unwrap();
    assert!(anonymous.status().is_client_error(), "{}", anonymous.status());
    for (taint, status) in [("form", StatusCode::OK), ("llm", StatusCode::FORBIDDEN)] {
        let answer = web(folder, origin, taint).post(&url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{taint}");
    }
    told
}

/// Another service, whose key the bundle has, and which hands on what has this taint.
fn web(folder: &Path, origin: &str, taint: &str) -> reqwest_middleware::ClientWithMiddleware {
    let signer = Ed25519Signer::from_file(key(folder, "web")).unwrap();
    let root = Operation::from_static("summary").taint(taint);
    let kest = Kest::builder(signer).trust(KeyRing::new()).without_deployment_policies().build().unwrap();
    let client = kest.client(reqwest::Client::builder()).destination(origin).unwrap();
    client.originate(Origin::system(), root, dangerous_allow_all()).unwrap().build().unwrap()
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

/// The service that the README's calls; it keeps the headers that it was sent first.
fn stock(arrived: &Arc<Mutex<HeaderMap>>) -> Router {
    let arrived = Arc::clone(arrived);
    Router::new().route(
        "/reserve",
        post(async move |headers: HeaderMap| {
            let mut arrived = arrived.lock().unwrap();
            if arrived.is_empty() {
                *arrived = headers;
            }
        }),
    )
}

async fn passport(headers: &HeaderMap) -> Vec<String> {
    let limits = Limits::default();
    let lines = headers.get_all("baggage").iter().map(http::HeaderValue::as_bytes);
    let packed = HeaderReader::new(limits.clone()).read(lines).unwrap();
    let restored = restore(packed, None, &limits).await.unwrap();
    restored.passport().unwrap().dangerous_entries().map(str::to_owned).collect()
}

/// The commands of the section about keys, with their comments.
fn key_commands(readme: &str) -> [&str; 3] {
    let section = readme.split("Keys and the trust bundle:").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().collect::<Vec<_>>().try_into().unwrap()
}

/// The policy file that is printed behind its name.
fn policy(readme: &str) -> &str {
    let section = readme.split("`policies/shop.cedar`:").nth(1).unwrap();
    section.split("```text\n").nth(1).unwrap().split("```").next().unwrap()
}

/// Runs a printed command in `folder`, with the program that was built in the place of `cargo run -p kest-cli --`.
#[track_caller]
fn run(folder: &Path, command: &str) -> String {
    let cargo = r#"cargo() { [ "$1 $2 $3 $4" = "run -p kest-cli --" ] || exit 9; shift 4; "$KEST" "$@"; }"#;
    let output = Command::new("sh")
        .args(["-ec", &format!("{cargo}\n{command}")])
        .env("KEST", programs::kest())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The private key of a workload, as `kest keygen` named its file.
fn key(folder: &Path, name: &str) -> PathBuf {
    let start = format!("{name}.");
    let mut found = std::fs::read_dir(folder.join("keys")).unwrap().map(|file| file.unwrap().path());
    let is_it = |path: &PathBuf| {
        let file = path.file_name().unwrap().to_str().unwrap();
        file.starts_with(&start) && file.ends_with(".key.jwk")
    };
    found.find(is_it).unwrap()
}

/// What runs the tests is what the README says runs them.
#[test]
fn test_command_of_the_readme_is_the_one_that_is_run_everywhere() {
    let root = programs::repository();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let readme = read("README.md");
    let section = readme.split("## Try it").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<&str> = block.lines().map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, ["cargo run -p three-services", "cargo xtask test"]);
    assert!(read(".ci/run").contains("exec cargo xtask test\n"));
    assert!(read(".github/workflows/ci.yml").contains("- run: bash .ci/run\n"));
}
