//! Every route of both routers, without credentials and with wrong ones: one status and one body.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use kest_authority::{EnrolmentRouter, WorkloadRouter};
use tower::ServiceExt as _;

use crate::rig::{Applicant, Rig};

async fn on_enrolments(rig: &Rig, request: Request<Body>) -> (u16, Vec<u8>, Vec<String>) {
    told(EnrolmentRouter::new(rig.authority.clone()).into_service().oneshot(request).await.unwrap()).await
}

async fn told(response: axum::response::Response) -> (u16, Vec<u8>, Vec<String>) {
    let status = response.status();
    let headers = response.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status.as_u16(), body.to_vec(), headers)
}

fn refused() -> (u16, Vec<u8>, Vec<String>) {
    (403, Vec::new(), vec!["content-length: \"0\"".to_owned()])
}

const ROUTES: [&str; 5] = ["/v1/enrol", "/v1/renew", "/v1/token", "/v1/bundle", "/v1/jwks"];

fn request(method: &Method, path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

/// Attack: a map of what is there, and of why something was refused.
#[tokio::test]
async fn whatever_is_refused_is_refused_alike() {
    let rig = Rig::start().await;
    let guessed = Applicant::new().request(&rig, "guessed").await;
    let guessed = serde_json::to_string(&guessed).unwrap();
    let bodies = [
        String::new(),
        "{".to_owned(),
        "{}".to_owned(),
        r#"{"ticket":"x"}"#.to_owned(),
        guessed.clone(),
        guessed.replacen('{', r#"{"more":1,"#, 1),
        guessed.replacen('{', r#"{"ticket":"twice","#, 1),
        "x".repeat(70_000),
    ];
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD] {
        for path in ROUTES.into_iter().chain(["/", "/v1", "/v1/enrol/", "/V1/ENROL", "/v1/unknown"]) {
            let is_public =
                matches!(path, "/v1/bundle" | "/v1/jwks") && matches!(method, Method::GET | Method::HEAD);
            for body in bodies.iter().filter(|_body| !is_public) {
                let asked = request(&method, path, "application/json", body.clone());
                assert_eq!(on_enrolments(&rig, asked).await, refused(), "{method} {path} {body:.40}");
            }
        }
    }
}

/// Attack: a body without end, and one that a form of a browser sends for its user. The ticket in them is good, and stays so.
#[tokio::test]
async fn body_over_the_bound_or_of_another_type_is_refused() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", kest_authority::Place::Free).await;
    let good = serde_json::to_string(&Applicant::new().request(&rig, &ticket).await).unwrap();
    let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    for (content_type, body) in [
        ("application/json", padded(64 * 1024 + 1)),
        ("text/plain", good.clone()),
        ("application/x-www-form-urlencoded", good.clone()),
    ] {
        let asked = request(&Method::POST, "/v1/enrol", content_type, body);
        assert_eq!(on_enrolments(&rig, asked).await, refused(), "{content_type}");
    }
    let asked = request(&Method::POST, "/v1/enrol", "application/json; charset=utf-8", padded(64 * 1024));
    assert_eq!(on_enrolments(&rig, asked).await.0, 200);
}

/// Attack: bodies that never end keep all places of one address, and no other address waits.
#[tokio::test(start_paused = true)]
async fn enrolments_that_never_end_keep_no_other_address_waiting() {
    let rig = Rig::start().await;
    let router = EnrolmentRouter::new(rig.authority.clone()).into_service();
    let from = |address: [u8; 4], body: Body| {
        let mut asked = request(&Method::POST, "/v1/enrol", "application/json", body);
        let address = std::net::SocketAddr::from((address, 1));
        asked.extensions_mut().insert(axum::extract::ConnectInfo(address));
        router.clone().oneshot(asked)
    };
    let mut held = tokio::task::JoinSet::new();
    for _one in 0..100 {
        held.spawn(from([10, 0, 0, 1], Body::from_stream(Endless)));
    }
    tokio::task::yield_now().await;
    let ticket = rig.ticket("cart", kest_authority::Place::Free).await;
    let good = serde_json::to_string(&Applicant::new().request(&rig, &ticket).await).unwrap();
    assert_eq!(
        from([10, 0, 0, 1], Body::from("{}")).await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(from([10, 0, 0, 2], Body::from(good)).await.unwrap().status(), StatusCode::OK);
    let begun = tokio::time::Instant::now();
    let ended = held.join_all().await;
    assert_eq!(begun.elapsed(), std::time::Duration::from_secs(10), "a body has ten seconds");
    let count = |status| ended.iter().filter(|it| it.as_ref().unwrap().status() == status).count();
    let (refused, crowded) = (count(StatusCode::FORBIDDEN), count(StatusCode::SERVICE_UNAVAILABLE));
    assert!(refused > 0 && refused < 64 && refused + crowded == 100, "{refused} {crowded}");
}

/// A body of which nothing comes.
struct Endless;

impl futures_core::Stream for Endless {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

/// An authority whose store is away says so, and refuses nothing.
#[tokio::test]
async fn store_that_is_away_is_answered_503() {
    let rig = Rig::start().await;
    let ticket = rig.ticket("cart", kest_authority::Place::Free).await;
    let good = serde_json::to_string(&Applicant::new().request(&rig, &ticket).await).unwrap();
    let away = std::sync::Arc::new(crate::rig::AwayStore::default());
    let keys = kest_authority::AuthorityKeys::open(rig.folder.path()).unwrap();
    let store: std::sync::Arc<dyn kest_authority::Store> =
        std::sync::Arc::<crate::rig::AwayStore>::clone(&away);
    let authority = kest_authority::Authority::builder(keys, store).start().await.unwrap();
    away.go();
    for (method, path) in
        [(Method::POST, "/v1/enrol"), (Method::GET, "/v1/bundle"), (Method::GET, "/v1/jwks")]
    {
        let asked = request(&method, path, "application/json", good.clone());
        let answer = EnrolmentRouter::new(authority.clone()).into_service().oneshot(asked).await.unwrap();
        let (status, body, _headers) = told(answer).await;
        assert_eq!((status, body), (503, Vec::new()), "{path}");
    }
}

/// Attack: the routes of workloads where no handshake proved a peer, whatever headers say.
#[tokio::test]
async fn no_route_of_workloads_answers_without_a_peer() {
    let rig = Rig::start().await;
    let renewal = serde_json::to_string(&Applicant::new().renewal(&rig).await).unwrap();
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD] {
        for path in ROUTES.into_iter().chain(["/", "/v1", "/v1/unknown"]) {
            let mut asked = request(&method, path, "application/json", renewal.clone());
            for name in ["x-forwarded-client-cert", "x-client-cert", "x-spiffe-id"] {
                asked.headers_mut().insert(name, "spiffe://example.org/cart".parse().unwrap());
            }
            let router = WorkloadRouter::new(rig.authority.clone()).into_service();
            assert_eq!(told(router.oneshot(asked).await.unwrap()).await, refused(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn bundle_is_answered_in_both_forms_and_with_a_tag() {
    let rig = Rig::start().await;
    let ask = async |path: &str, header: (&str, &str)| {
        let asked = Request::builder().uri(path).header(header.0, header.1).body(Body::empty()).unwrap();
        EnrolmentRouter::new(rig.authority.clone()).into_service().oneshot(asked).await.unwrap()
    };
    let bundle = rig.authority.bundle().await.unwrap();
    for (path, accept, content_type, text) in [
        ("/v1/bundle", "*/*", "application/json", bundle.json()),
        ("/v1/bundle", "application/jose", "application/jose", bundle.jws()),
        ("/v1/jwks", "*/*", "application/jwk-set+json", bundle.token_keys()),
    ] {
        let answer = ask(path, ("accept", accept)).await;
        assert_eq!(
            (answer.status(), &answer.headers()["content-type"]),
            (StatusCode::OK, &content_type.parse().unwrap())
        );
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(body, text.as_bytes());
        let asked = Request::builder().uri(path).header("accept", accept).header("if-none-match", &tag);
        let again = EnrolmentRouter::new(rig.authority.clone()).into_service();
        let again = again.oneshot(asked.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(
            (again.status(), again.headers()["etag"].to_str().unwrap()),
            (StatusCode::NOT_MODIFIED, &*tag)
        );
    }
}

/// First contact over TLS: the chain names the authority, and its tickets lead to it.
#[tokio::test]
async fn enrolment_is_served_over_tls_to_those_who_have_no_certificate() {
    let rig = Rig::start().await;
    let (enrolments, _) = rig.serve().await;
    let ticket = rig.ticket("cart", kest_authority::Place::Free).await;
    let request = Applicant::new().request(&rig, &ticket).await;
    let client = rig.client(None).await;
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/v1/bundle", enrolments.port());
        assert_eq!(client.get(url).send().await.unwrap().status().as_u16(), 200, "{host}");
    }
    let url = format!("https://localhost:{}/v1/enrol", enrolments.port());
    let answer = client.post(&url).json(&request).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let again = client.post(&url).json(&request).send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.bytes().await.unwrap().len()), (403, 0));
}
