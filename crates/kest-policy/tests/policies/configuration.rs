//! A configuration that cannot be used stops the start, with file, line and the name of what is wrong.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_policy::{CACHE_TTL_VARIABLE, Policies, Source};

use crate::rig::{Folder, Rig};

#[track_caller]
fn check(configuration: &str, expected: &[&str]) {
    let rig = Rig::new();
    let errors = rig.builder(configuration, &["yes/e", "yes/p"]).build().unwrap_err();
    let lines: Vec<_> = errors.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines, expected);
}

/// A complete deviation with one member replaced.
fn deviation(member: &str, value: &str) -> String {
    let members = [
        ("policy", r#""yes/p""#),
        ("tier", r#""platform""#),
        ("operation", r#""refund""#),
        ("reason", r#""cleared""#),
        ("approver", r#""security""#),
        ("expires", "2026-06-01T00:00:00Z"),
    ];
    let lines = members.map(|(name, usual)| match (name == member, value) {
        (true, "") => String::new(),
        (true, value) => format!("{name} = {value}\n"),
        (false, _) => format!("{name} = {usual}\n"),
    });
    format!("platform_policies = [\"yes/p\"]\n\n[[deviations]]\n{}", lines.concat())
}

#[test]
fn complete_deviation_is_taken() {
    let rig = Rig::new();
    assert!(rig.builder(&deviation("", ""), &["yes/p"]).build().is_ok());
    let other_offset = deviation("expires", "2026-01-01T01:30:00+01:00");
    assert!(rig.builder(&other_offset, &["yes/p"]).build().is_ok());
}

#[test]
fn deviation_that_is_incomplete_is_named() {
    for member in ["tier", "operation", "reason", "approver", "expires"] {
        let problem = format!("kest.toml:3: deviation from policy yes/p has no {member}");
        check(&deviation(member, ""), &[&problem]);
        if member != "expires" && member != "tier" {
            check(&deviation(member, "\" \""), &[&problem]);
        }
    }
    check(&deviation("policy", ""), &["kest.toml:3: deviation from policy of no name has no policy"]);
}

#[test]
fn deviation_that_is_expired_is_named() {
    let expired = "kest.toml:3: deviation from policy yes/p expired at ";
    let at = |time: &str, told: &str| check(&deviation("expires", time), &[&format!("{expired}{told}")]);
    at("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
    at("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z");
    at("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z");
}

#[test]
fn deviation_whose_expiry_has_no_offset_is_named() {
    let problem = "kest.toml:3: deviation from policy yes/p does not say date, time and offset of its expiry";
    for time in ["2026-06-01", "2026-06-01T00:00:00", "07:32:00"] {
        check(&deviation("expires", time), &[problem]);
    }
}

#[test]
fn deviation_from_a_policy_that_the_tier_does_not_have_is_named() {
    let problem = "kest.toml:3: deviation from policy yes/e names a policy that its tier does not have";
    check(&deviation("policy", r#""yes/e""#), &[problem]);
    let problem = "kest.toml:3: deviation from policy yes/p names a policy that its tier does not have";
    check(&deviation("tier", r#""enterprise""#), &[problem]);
}

#[test]
fn deviation_from_a_routes_own_policy_does_not_exist() {
    for tier in ["\"function\"", "\"Platform\"", "\"\""] {
        let problem = "kest.toml:3: deviation from policy yes/p names no tier above the function's";
        check(&deviation("tier", tier), &[problem]);
    }
}

#[test]
fn deviation_that_stands_there_twice_is_named() {
    let twice = deviation("", "");
    let second = twice.split_once("\n\n").unwrap().1;
    check(&format!("{twice}\n{second}"), &["kest.toml:11: deviation from policy yes/p is there twice"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let broken = "enterprise_policies = [\"yes/e\",\n  \"yes/e\", \"\"]\ncache_ttl_seconds = -1.0\n";
    check(
        broken,
        &[
            "kest.toml:2: policy yes/e is there twice",
            "kest.toml:2: has a policy without a usable name",
            "kest.toml:3: decisions can be remembered for 0 to 3600 seconds",
        ],
    );
}

#[test]
fn misspelt_member_is_no_silent_default() {
    let rig = Rig::new();
    for text in ["enterprise_policys = []", "[input]\nparent = true", "[[deviations]]\nuntil = 1"] {
        let errors = rig.builder(text, &["yes/e"]).build().unwrap_err().to_string();
        assert!(errors.contains("does not parse: unknown field"), "{errors}");
    }
    check("a = [", &["kest.toml:1: does not parse: unclosed array, expected `]`"]);
}

#[test]
fn tier_with_a_policy_that_no_engine_knows_is_refused() {
    check("app_policies = [\"yes/typo\"]", &["kest.toml: policy yes/typo is not known to any engine"]);
}

#[test]
fn policy_that_two_engines_know_is_refused() {
    let rig = Rig::new();
    let other = kest_policy::Closures::default().with("yes/e", |_| true).unwrap();
    let errors = rig.builder("", &["yes/e"]).engine(other).build().unwrap_err();
    assert_eq!(errors.to_string(), "closure: policy yes/e is there twice");
}

#[test]
fn file_that_is_missing_too_long_or_of_no_known_language_is_named() {
    let (rig, folder) = (Rig::new(), Folder::new());
    let mut limits = Limits::default();
    limits.policy_file_bytes = 10;
    let of = |path: std::path::PathBuf| {
        rig.builder("", &["yes/e"]).limits(limits.clone()).file(path).build().unwrap_err().to_string()
    };
    let missing = folder.path("missing.cedar");
    assert!(of(missing.clone()).starts_with(&format!("{}: cannot be read: ", missing.display())));
    let long = folder.write("long.rego", "package a.b");
    assert_eq!(of(long.clone()), format!("{}: is over the limit of 10 bytes", long.display()));
    let text = folder.write("policy.txt", "allow");
    assert_eq!(of(text.clone()), format!("{}: is in a language that no engine here reads", text.display()));
    let folder = Folder::new();
    assert_eq!(of(folder.as_path().to_owned()), format!("{}: has no policy", folder.as_path().display()));
}

#[test]
fn more_files_than_the_limit_are_refused() {
    let folder = Folder::new();
    for index in 0..3 {
        folder.write(&format!("{index}.rego"), "package a");
    }
    let mut limits = Limits::default();
    limits.policy_files = 2;
    let errors = Policies::builder().limits(limits).file(folder.as_path()).build().unwrap_err().to_string();
    assert_eq!(errors, format!("{}: is one of more than 2 files", folder.path("2.rego").display()));
}

#[test]
fn variable_that_is_no_number_stops_the_start() {
    let environment =
        |text: &'static str| move |name: &str| (name == CACHE_TTL_VARIABLE).then(|| text.to_owned());
    let text = Source::text("kest.toml", "cache_ttl_seconds = 1.0");
    let errors = Policies::builder().build_with_environment(environment("soon")).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "environment: cannot be used: KEST_POLICY_CACHE_TTL is not a number of seconds from 0 to 3600"
    );
    assert!(Policies::builder().build_with_environment(environment("0.5")).is_ok());
    // What the configuration or code says wins over the environment.
    assert!(Policies::builder().configuration(text).build_with_environment(environment("soon")).is_ok());
    assert!(
        Policies::builder().cache_ttl(Duration::ZERO).build_with_environment(environment("soon")).is_ok()
    );
}

#[tokio::test]
async fn parent_hash_is_in_the_input_only_when_asked_for() {
    for (text, expected) in [("", None), ("[input]\nparent_hash = true", Some("0"))] {
        let rig = Rig::new();
        let policies = rig.builder(text, &["yes/f"]).build().unwrap();
        let own = policies.function(["yes/f"]).unwrap();
        let first = crate::rig::run(&crate::rig::service(&policies), "a", &own).await.unwrap();
        first.operation(kest_core::Operation::named("b").unwrap()).admit(&own).await.unwrap();
        let seen = rig.seen.lock().unwrap();
        let hash = |index: usize| seen[index].1.environment().parent_hash.clone();
        assert_eq!(hash(0).as_deref(), expected);
        let tip = expected.map(|_| Arc::from(first.entry().hash().to_hex()));
        assert_eq!(hash(1), tip);
    }
}
