//! Settings that are taken, and those that would not protect anything.

use super::*;

fn complete() -> JwtAuthenticatorBuilder {
    JwtAuthenticator::builder().jwks_uri("https://issuer.example/k").issuer("https://i").audience("us")
}

fn issuer() -> TrustedIssuer {
    TrustedIssuer::new("https://j").jwks_uri("https://j.example/k").audience("us")
}

#[test]
fn complete_settings_are_accepted() {
    let authenticator = complete().leeway(MOST_LEEWAY).build().unwrap();
    assert_eq!(authenticator.fetches(), 0);
    assert!(JwtAuthenticator::builder().issuer("https://i.example").audience("us").build().is_ok());
    let two = complete().trust(issuer().audience("us too").tenant("t").token_life(DAY));
    assert_eq!(two.build().unwrap().issuers.len(), 2);
    let only = JwtAuthenticator::builder().trust(issuer().tenant_claim("tid"));
    assert_eq!(only.build().unwrap().issuers.len(), 1);
}

#[track_caller]
fn refused(builder: JwtAuthenticatorBuilder) -> JwtBuildError {
    builder.build().unwrap_err()
}

#[test]
fn incomplete_or_unsafe_settings_are_refused() {
    let missing = JwtAuthenticator::builder;
    assert!(matches!(refused(missing()), JwtBuildError::NoIssuer));
    assert!(matches!(refused(missing().issuer("i").audience("us")), JwtBuildError::Keys(_)));
    assert!(matches!(refused(missing().jwks_uri("https://i").audience("us")), JwtBuildError::NoIssuer));
    assert!(matches!(refused(missing().jwks_uri("https://i").issuer("i")), JwtBuildError::NoAudience));
    assert!(matches!(refused(complete().issuer("")), JwtBuildError::NoIssuer));
    assert!(matches!(refused(complete().audience("")), JwtBuildError::NoAudience));
    assert!(matches!(refused(complete().algorithms([])), JwtBuildError::NoAlgorithm));
    assert!(matches!(refused(complete().leeway(Duration::from_secs(61))), JwtBuildError::Leeway(_)));
    assert!(matches!(refused(complete().refresh_every(Duration::ZERO)), JwtBuildError::Refresh));
    assert!(matches!(refused(complete().serve_stale_for(Duration::from_secs(1))), JwtBuildError::Refresh));
    assert!(matches!(refused(complete().jwks_uri("http://issuer.example/")), JwtBuildError::Keys(_)));
    assert!(complete().jwks_uri("http://issuer.example/").dangerous_allow_http().build().is_ok());
}

#[test]
fn proofs_that_could_be_for_another_service_are_not_taken() {
    for requirement in [Requirement::Optional, Requirement::Required] {
        let error = refused(complete().dpop(requirement));
        assert!(matches!(error, JwtBuildError::Dpop(DpopSettingsError::NoOrigins)), "{requirement:?}");
        let error = refused(complete().trust(issuer().dpop(requirement)).dpop_settings(DpopSettings::new()));
        assert!(matches!(error, JwtBuildError::Dpop(DpopSettingsError::NoOrigins)), "{requirement:?}");
        let named = DpopSettings::new().origins(["https://us.example"]);
        assert!(complete().dpop(requirement).dpop_settings(named).build().is_ok());
        let believed = DpopSettings::new().dangerous_believe_host();
        assert!(complete().dpop(requirement).dpop_settings(believed).build().is_ok());
    }
}

#[test]
fn incomplete_or_unsafe_issuers_are_refused() {
    let with = |issuer| refused(complete().trust(issuer));
    assert!(matches!(with(TrustedIssuer::new("").audience("us")), JwtBuildError::NoIssuer));
    assert!(matches!(with(TrustedIssuer::new("https://j")), JwtBuildError::NoAudience));
    assert!(matches!(with(issuer().audience("")), JwtBuildError::NoAudience));
    assert!(matches!(with(issuer().algorithms([])), JwtBuildError::NoAlgorithm));
    assert!(matches!(with(issuer().tenant("")), JwtBuildError::NoTenant));
    assert!(matches!(with(issuer().tenant_claim("")), JwtBuildError::NoTenant));
    assert!(matches!(with(issuer().jwks_uri("http://j.example/")), JwtBuildError::Keys(_)));
    assert!(matches!(refused(complete().trust(issuer()).trust(issuer())), JwtBuildError::DoubledIssuer));
    let same = TrustedIssuer::new("https://i").jwks_uri("https://j.example/k").audience("them");
    assert!(matches!(with(same), JwtBuildError::DoubledIssuer));
    // What is said beside `trust` would be about no issuer at all.
    let beside = JwtAuthenticator::builder().trust(issuer()).algorithms([Algorithm::EdDsa]);
    assert!(matches!(refused(beside), JwtBuildError::NoIssuer));
}

#[test]
fn longer_lives_take_a_dangerous_word() {
    let longer = DAY + Duration::from_secs(1);
    let bounded = issuer().token_life(longer);
    assert!(matches!(refused(complete().trust(bounded)), JwtBuildError::TokenLife(_)));
    assert!(complete().trust(issuer().dangerous_token_life(longer)).build().is_ok());
}

#[test]
fn challenges_cannot_be_broken_out_of() {
    for realm in ["a\"b", "a\\", "a\r\nb", "ä"] {
        assert!(matches!(refused(complete().realm(realm)), JwtBuildError::Realm), "{realm}");
    }
    for url in [
        "",
        "/metadata",
        "http://orders.example/m",
        "ftp://orders.example/m",
        "https://u@orders.example/m",
        "https://orders.example/m#f",
    ] {
        let refused = refused(complete().resource_metadata(url));
        assert!(matches!(refused, JwtBuildError::ResourceMetadata(_)), "{url}");
    }
    for url in ["https://orders.example/m?a=\"b", "http://127.0.0.1:1/m", "http://[::1]/m"] {
        assert!(complete().realm("orders of (all) kinds").resource_metadata(url).build().is_ok());
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
