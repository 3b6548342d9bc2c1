//! A service that was not told where identity comes from does not start.

use std::process::Command;
use std::sync::Arc;

use kest_core::signature::KeyRing;
use kest_identity::IdentityChoice;
use kest_tests::logs::Logs;
use kest_tower::{InboundBuildError, InboundLayer};

#[test]
fn building_without_an_identity_choice_is_an_error_that_names_the_mend() {
    let Err(InboundBuildError::NoIdentityChoice(missing)) =
        InboundLayer::builder(Arc::new(KeyRing::new())).try_build()
    else {
        panic!("the layer was built");
    };
    let message = missing.to_string();
    for mend in ["jwks_uri", "lineage", "dangerous_insecure_no_verify", "KEST_INSECURE_NO_VERIFY"] {
        assert!(message.contains(mend), "{message}");
    }
}

#[test]
#[should_panic(expected = "KEST_INSECURE_NO_VERIFY")]
fn building_without_an_identity_choice_panics() {
    drop(InboundLayer::builder(Arc::new(KeyRing::new())).build());
}

/// Runs the test called `name` of this binary in a process with another environment.
fn child(name: &str, value: &str) -> std::process::Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("KEST_INSECURE_NO_VERIFY", value)
        .env("KEST_TEST_CHILD", "1")
        .output()
        .unwrap()
}

#[test]
fn insecure_variable_starts_the_service_with_a_warning_and_only_when_spelled_out() {
    for value in ["1", "true", "yes"] {
        let output = child("guard::child_builds_from_the_environment", value);
        assert!(output.status.success(), "{value}: {}", String::from_utf8_lossy(&output.stdout));
    }
    for value in ["", "0", "TRUE", "on", "false", " 1"] {
        let output = child("guard::child_builds_from_the_environment", value);
        assert!(!output.status.success(), "{value} must not open the service");
    }
}

/// The half that runs in the child; without it there is nothing to show, and the parent's test shows it.
#[test]
fn child_builds_from_the_environment() {
    if std::env::var_os("KEST_TEST_CHILD").is_none() {
        let built = InboundLayer::builder(Arc::new(KeyRing::new()))
            .identity(IdentityChoice::from_lineage())
            .dangerous_bearer_passports()
            .try_build();
        assert!(built.is_ok());
        return;
    }
    let (logs, _guard) = Logs::keep();
    let built = InboundLayer::builder(Arc::new(KeyRing::new())).try_build();
    assert!(built.is_ok());
    assert!(logs.text().contains("WARN"), "{}", logs.text());
}

#[tokio::test]
async fn identity_of_the_insecure_mode_is_marked_in_the_signed_entry() {
    use kest_tests::raw;
    use kest_tests::service::Setup;
    let identity = IdentityChoice::dangerous_insecure_no_verify();
    let service = Setup { identity, ..Setup::default() }.start().await;
    let payload = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        r#"{"sub":"mallory","client_id":"x"}"#,
    );
    let seen = service.admitted(&raw::call().bearer(&format!("e30.{payload}.e30"))).await;
    assert_eq!((&seen["user"], &seen["source"]), (&"mallory".into(), &"unverified".into()));
    let entry = seen["passport"][0].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let entry = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, entry).unwrap();
    let entry: serde_json::Value = serde_json::from_slice(&entry).unwrap();
    assert_eq!(entry["labels"]["kest.identity_source"], "unverified");
}
