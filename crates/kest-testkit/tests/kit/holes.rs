//! Services with a hole: the corpus must say so, and where.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::post;
use http::{Request, StatusCode};
use kest_core::{Authenticate, Dialect, FromLineage};
use kest_identity::{DpopSettings, IdentityChoice, Requirement};
use kest_testkit::{DpopKey, FailingReplays, ReplayFault, Report, TestCaller, TestIssuer, TestKest, attacks};
use kest_tower::Rejection;

use crate::services::{inbound, kit, operation, reserve, router, whole};

fn request() -> Request<&'static str> {
    Request::post("/reserve").body("").unwrap()
}

async fn played(kit: &TestKest, app: Router) -> Report {
    let report = attacks(kit).play(app, request()).await;
    assert!(!report.holds());
    report
}

fn failed(report: &Report) -> Vec<&str> {
    report.failures().map(|outcome| outcome.name.as_str()).collect()
}

#[tokio::test]
async fn router_that_forgot_the_inbound_layer_fails() {
    let kit = kit();
    let report = played(&kit, router(post(reserve).route_layer(operation(&kit)))).await;
    let why = report.proves_nothing().unwrap();
    assert!(why.contains("500 no_arrival") && why.contains("InboundLayer"), "{why}");
}

#[tokio::test]
async fn router_that_forgot_the_operation_fails() {
    let kit = kit();
    let forgotten = router(post(async || "reserved")).layer(inbound(&kit, FromLineage));
    let report = played(&kit, forgotten).await;
    let why = report.proves_nothing().unwrap();
    assert!(why.contains("500 no_operation"), "{why}");
}

#[tokio::test]
async fn router_that_allows_routes_without_an_operation_fails() {
    let kit = kit();
    let layer = kit
        .inbound()
        .identity(FromLineage)
        .dangerous_bearer_passports()
        .dangerous_allow_unguarded_routes()
        .build();
    let report = played(&kit, router(post(async || "reserved")).layer(layer)).await;
    assert!(report.proves_nothing().unwrap().contains("no entry was signed"));
}

#[tokio::test]
async fn router_without_any_layer_fails_each_attack_even_where_no_operation_is_expected() {
    let kit = kit();
    let naked = || router(post(async || "reserved"));
    assert!(played(&kit, naked()).await.proves_nothing().is_some());
    let report = attacks(&kit).without_operation().play(naked(), request()).await;
    assert_eq!(report.proves_nothing(), None);
    assert_eq!(report.failures().count(), report.outcomes().len());
    assert!(report.outcomes().len() > 40, "{report}");
}

#[tokio::test]
async fn against_ends_the_test_with_the_report_and_the_place_that_asked() {
    let kit = kit();
    let run = async move { attacks(&kit).against(router(post(async || "reserved")), request()).await };
    let panic = tokio::spawn(run).await.unwrap_err().into_panic();
    let told = panic.downcast_ref::<String>().unwrap();
    assert!(told.contains("holes.rs:") && told.contains("prove nothing"), "{told}");
}

#[tokio::test]
async fn service_that_refuses_everything_proves_nothing() {
    let kit = kit();
    let closed = whole(&TestKest::new(["another"]));
    let report = played(&kit, closed).await;
    let why = report.proves_nothing().unwrap();
    assert!(why.contains("401 passport_invalid (unknown_principal)"), "{why}");
}

/// A handler that answers 401 itself looks like a refusal from outside.
#[tokio::test]
async fn handler_that_answers_like_a_refusal_is_not_taken_for_one() {
    let kit = kit();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let handler = async move || match count.fetch_add(1, Ordering::SeqCst) {
        0 => StatusCode::OK.into_response(),
        _ => (StatusCode::UNAUTHORIZED, [("www-authenticate", "Kest")]).into_response(),
    };
    let app = router(post(handler));
    let report = attacks(&kit).without_operation().play(app, request()).await;
    let outcome = report.outcomes().first().unwrap();
    assert!(outcome.faults.iter().any(|it| it.contains("may have run")), "{outcome}");
}

#[tokio::test]
async fn refusals_that_say_why_fail_and_constant_ones_are_said() {
    let kit = kit();
    let telling = |body: fn(&Rejection) -> String| {
        whole(&kit).layer(axum::middleware::map_response(move |answer: axum::response::Response| {
            let rejection = answer.extensions().get::<Rejection>().cloned();
            let (parts, whole) = answer.into_parts();
            let body = rejection.map_or(whole, |rejection| body(&rejection).into());
            std::future::ready(axum::response::Response::from_parts(parts, body))
        }))
    };
    let by_kind = || telling(|rejection| rejection.kind().as_str().to_owned());
    let report = attacks(&kit).play(by_kind(), request()).await;
    assert!(
        report.failures().all(|it| it.faults == ["the answer has a body that tells more than its status"])
    );
    assert!(report.failures().count() > 40);
    attacks(&kit).constant_bodies().against(by_kind(), request()).await;
    let by_cause = telling(|rejection| format!("{:?}", rejection.cause()));
    let report = attacks(&kit).constant_bodies().play(by_cause, request()).await;
    assert!(failed(&report).contains(&"entry_cut_out"), "{report}");
}

#[tokio::test]
async fn reader_of_a_second_dialect_is_found() {
    let kit = kit();
    let legacy = kit
        .inbound()
        .identity(FromLineage)
        .dangerous_bearer_passports()
        .dialect(Dialect::LegacyPython)
        .build();
    let report = played(&kit, router(post(reserve).route_layer(operation(&kit))).layer(legacy)).await;
    assert_eq!(report.proves_nothing(), None);
    assert!(failed(&report).contains(&"token_without_an_issuer"), "{report}");
}

#[tokio::test]
async fn edge_that_takes_plain_tokens_or_none_at_all_is_found() {
    let kit = kit();
    let issuer = TestIssuer::start(&kit, "shop");
    let open: Arc<dyn Authenticate> = Arc::new(TestCaller::user("alice"));
    let edge = inbound(&kit, IdentityChoice::mechanism(open));
    let app = router(post(reserve).route_layer(operation(&kit))).layer(edge);
    let report = attacks(&kit).tokens(&issuer).play(app, request()).await;
    assert_eq!(report.proves_nothing(), None);
    for name in ["no_token", "token_with_alg_none", "expired_token", "token_for_another_audience"] {
        assert!(failed(&report).contains(&name), "{name}: {report}");
    }
    assert!(!failed(&report).contains(&"forged_entry"), "passports are still verified");
}

/// A service that believes `kest.user` of the baggage that came.
#[tokio::test]
async fn service_that_believes_spoofed_members_is_found() {
    let kit = kit();
    let spoofable = axum::middleware::map_request(async |mut request: axum::extract::Request| {
        let claimed = request
            .headers()
            .get_all("baggage")
            .iter()
            .any(|it| it.to_str().is_ok_and(|it| it.contains("kest.user=mallory")));
        if claimed {
            let header = TestKest::new(["gateway", "orders", "cart"])
                .lineage()
                .caller(TestCaller::user("mallory"))
                .hops(1)
                .baggage();
            request.headers_mut().insert("baggage", header);
        }
        request
    });
    let report = played(&kit, whole(&kit).layer(spoofable)).await;
    assert!(failed(&report).contains(&"spoofed_members_beside_a_passport"), "{report}");
}

#[tokio::test]
async fn refusal_with_another_status_or_without_its_challenge_is_found() {
    let kit = kit();
    let changed = |change: fn(&mut axum::response::Response)| {
        whole(&kit).layer(axum::middleware::map_response(move |mut answer: axum::response::Response| {
            if answer.extensions().get::<Rejection>().is_some() {
                change(&mut answer);
            }
            std::future::ready(answer)
        }))
    };
    let hidden = changed(|answer| *answer.status_mut() = StatusCode::NOT_FOUND);
    let report = played(&kit, hidden).await;
    assert!(report.failures().count() > 40, "{report}");
    assert!(report.failures().all(|it| it.faults.iter().any(|fault| fault.contains("expected was one of"))));
    let mute = changed(|answer| drop(answer.headers_mut().remove("www-authenticate")));
    let report = played(&kit, mute).await;
    assert!(failed(&report).contains(&"forged_entry") && !failed(&report).contains(&"zip_bomb"), "{report}");
}

#[tokio::test]
async fn memory_that_loses_used_proofs_is_found() {
    let kit = kit();
    let (issuer, holder) = (TestIssuer::start(&kit, "shop"), DpopKey::of("phone"));
    let origin = "https://shop.example";
    let losing = Arc::new(FailingReplays::new(ReplayFault::Losing));
    let tokens = issuer
        .authenticator()
        .dpop(Requirement::Required)
        .dpop_settings(DpopSettings::new().origins([origin]).replays(losing))
        .build()
        .unwrap();
    let app = router(post(reserve).route_layer(operation(&kit))).layer(inbound(&kit, tokens));
    let report = attacks(&kit).tokens(&issuer).dpop(&holder, origin).play(app, request()).await;
    assert_eq!(report.proves_nothing(), None);
    assert_eq!(failed(&report), ["proof_replayed"]);
}

#[tokio::test]
async fn handler_that_ran_before_it_was_refused_is_found_where_it_is_watched() {
    let kit = kit();
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let early = axum::middleware::map_request(move |request: axum::extract::Request| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(request)
    });
    let watched = attacks(&kit).watching(move || runs.load(Ordering::SeqCst));
    let report = watched.play(whole(&kit).layer(early), request()).await;
    let refused = report.outcomes().iter().filter(|it| it.status != Some(200));
    assert!(refused.clone().count() > 40);
    assert!(refused.clone().all(|it| it.faults == ["the handler ran"]), "{report}");
}

#[tokio::test]
async fn service_that_attacks_have_shut_proves_nothing() {
    let kit = kit();
    let asked = Arc::new(AtomicUsize::new(0));
    let shut = axum::middleware::map_response(move |answer: axum::response::Response| {
        let open = asked.fetch_add(1, Ordering::SeqCst) < 5;
        let answer = if open { answer } else { StatusCode::TOO_MANY_REQUESTS.into_response() };
        std::future::ready(answer)
    });
    let report = played(&kit, whole(&kit).layer(shut)).await;
    let why = report.proves_nothing().unwrap();
    assert!(why.contains("429") && why.contains("after the attacks"), "{why}");
}
