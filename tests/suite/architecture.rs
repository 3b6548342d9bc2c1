//! Who may depend on whom, and the invariants that the house stands on: tests, not wishes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The names under `[dependencies]` of a crate's manifest.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

/// Every Rust file below `src` of a crate, with tests left out.
fn sources(name: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                found.push((path, code));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("crates").join(name).join("src"), &mut found);
    assert!(!found.is_empty(), "{name} has no sources");
    found
}

const CRATES: [&str; 19] = [
    "kest",
    "kest-audit",
    "kest-authority",
    "kest-axum",
    "kest-baggage",
    "kest-cli",
    "kest-core",
    "kest-graph",
    "kest-http",
    "kest-identity",
    "kest-policy",
    "kest-redis",
    "kest-reqwest",
    "kest-signature",
    "kest-sql",
    "kest-testkit",
    "kest-telemetry",
    "kest-tower",
    "kest-workload",
];

/// Each crate, and those of ours that it may depend on.
const ALLOWED: [(&str, &[&str]); 19] = [
    ("kest-core", &[]),
    ("kest-http", &[]),
    ("kest-audit", &["kest-core"]),
    ("kest-graph", &["kest-core"]),
    ("kest-signature", &["kest-core"]),
    ("kest-identity", &["kest-core", "kest-http"]),
    ("kest-baggage", &["kest-core", "kest-http", "kest-signature"]),
    ("kest-policy", &["kest-core", "kest-http"]),
    ("kest-tower", &["kest-core", "kest-baggage", "kest-identity", "kest-signature"]),
    ("kest-axum", &["kest-core", "kest-tower"]),
    ("kest-telemetry", &["kest-core", "kest-baggage", "kest-sql"]),
    ("kest-reqwest", &["kest-core", "kest-baggage", "kest-http", "kest-signature"]),
    ("kest-redis", &["kest-core", "kest-baggage"]),
    ("kest-sql", &["kest-core", "kest-audit", "kest-authority", "kest-identity", "kest-workload"]),
    ("kest-workload", &["kest-core", "kest-http", "kest-identity"]),
    ("kest-authority", &["kest-core", "kest-http", "kest-identity", "kest-workload"]),
    ("kest-testkit", &["kest-core", "kest-baggage", "kest-identity", "kest-signature", "kest-tower"]),
    (
        "kest-cli",
        &[
            "kest-core",
            "kest-audit",
            "kest-authority",
            "kest-baggage",
            "kest-graph",
            "kest-http",
            "kest-identity",
            "kest-policy",
            "kest-redis",
            "kest-signature",
            "kest-sql",
            "kest-tower",
            "kest-workload",
        ],
    ),
    (
        "kest",
        &[
            "kest-core",
            "kest-audit",
            "kest-baggage",
            "kest-identity",
            "kest-policy",
            "kest-tower",
            "kest-axum",
            "kest-reqwest",
            "kest-redis",
            "kest-signature",
            "kest-sql",
            "kest-telemetry",
            "kest-workload",
        ],
    ),
];

#[test]
fn crates_depend_only_on_those_below_them() {
    for (name, below) in ALLOWED {
        let ours: BTreeSet<String> =
            dependencies(name).into_iter().filter(|it| it.starts_with("kest")).collect();
        let below: BTreeSet<String> = below.iter().map(|it| (*it).to_owned()).collect();
        assert!(ours.is_subset(&below), "{name} depends on {ours:?}");
    }
}

/// Servers are asked by one rule, so that it cannot drift: kest-reqwest hands a client out and asks nothing.
#[test]
fn only_kest_http_asks_over_http() {
    let manifest = std::fs::read_to_string(root().join("crates/kest-tower/Cargo.toml")).unwrap();
    let type_alone = "hyper = { version = \"1.12\", default-features = false }\n";
    assert!(manifest.contains(type_alone), "without its features hyper has no client");
    let manifest = std::fs::read_to_string(root().join("crates/kest-cli/Cargo.toml")).unwrap();
    for server_alone in [
        "hyper = { version = \"1.12\", default-features = false, features = [\"http1\", \"server\"] }\n",
        "hyper-util = { version = \"0.1.21\", default-features = false, features = [\"tokio\"] }\n",
    ] {
        assert!(manifest.contains(server_alone), "`kest view` answers, and asks nothing");
    }
    for name in CRATES {
        let may_ask = |it: &String| match it.as_str() {
            "reqwest" => true,
            "hyper-util" => name != "kest-cli",
            "hyper" => !matches!(name, "kest-tower" | "kest-cli"),
            _ => false,
        };
        let asks = dependencies(name).iter().any(may_ask);
        assert_eq!(asks, matches!(name, "kest-http" | "kest-reqwest"), "{name}");
        for (path, code) in sources(name) {
            let decides = code.contains("is_loopback()") || code.contains("\"localhost\"");
            let at_home = matches!(name, "kest-http" | "kest-reqwest")
                // What a client may use is judged by its own words: RFC 9449 section 4.3 and RFC 9728 section 1.2.
                || path.ends_with("dpop/htu.rs")
                // A database is not asked over HTTP.
                || path.ends_with("postgres/address.rs")
                // What the certificate of a listener is made out to, and where services are told to come.
                || path.ends_with("authority/init.rs")
                || path.ends_with("authority/serve.rs")
                // An agent of this machine is asked by the crate `spiffe`.
                || path.ends_with("spiffe/agent.rs")
                || code.contains("kest_http::");
            assert!(!decides || at_home, "{}", path.display());
        }
    }
}

/// What only tests stand on comes without a version, so that it is left out of what is published: the kit stands on the
/// crates that it tests.
#[test]
fn only_tests_stand_on_the_test_kit() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("\nkest-testkit = { path = \"crates/kest-testkit\" }\n"));
    for name in CRATES {
        assert!(!dependencies(name).contains("kest-testkit"), "{name}");
    }
    for example in ["fleet", "quickstart", "three-services"] {
        let manifest = root().join("examples").join(example).join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let built = manifest.split("[dev-dependencies]").next().unwrap();
        assert!(!built.contains("kest-testkit"), "{example}");
    }
}

#[test]
fn core_names_no_network_runtime_http_or_telemetry_crate() {
    let outside =
        ["tokio", "http", "hyper", "reqwest", "axum", "tower", "opentelemetry", "redis", "jsonwebtoken"];
    let found: Vec<String> = dependencies("kest-core")
        .into_iter()
        .filter(|it| outside.iter().any(|name| it.starts_with(name)))
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn only_the_clock_reads_time() {
    for name in CRATES {
        for (path, code) in sources(name) {
            let reads = code.contains("SystemTime::now()") || code.contains("Instant::now()");
            assert!(
                !reads || path.ends_with("kest-core/src/clock.rs") || name == "kest-cli",
                "{}",
                path.display()
            );
        }
    }
}

/// Foreign types of wrapped crates must not stand in a public signature of another crate.
#[test]
fn types_of_wrapped_crates_stay_inside_the_crate_that_wraps_them() {
    let wrapped = [
        ("jsonwebtoken", "kest-identity"),
        ("opentelemetry", "kest-telemetry"),
        ("ed25519_dalek", "kest-core"),
        ("moka", ""),
        ("redis", "kest-redis"),
        ("reqwest", "kest-reqwest"),
        ("cedar_policy", "kest-policy"),
        ("regorus", "kest-policy"),
        ("sqlx", "kest-sql"),
    ];
    for name in CRATES {
        for (path, code) in sources(name) {
            for (foreign, home) in wrapped {
                let named = code.lines().any(|line| {
                    let public = line.trim_start().starts_with("pub ");
                    // Handing a client out is what kest-reqwest is for, which `kest` calls `reqwest`.
                    let hands_out = foreign == "reqwest" && matches!(name, "kest" | "kest-reqwest");
                    public && !hands_out && line.contains(&format!("{foreign}::"))
                });
                assert!(!named, "{}: public signature names {foreign}", path.display());
                let used = code.contains(&format!("use {foreign}::"));
                let at_home = name == home
                    || (foreign == "reqwest" && name == "kest-http")
                    || (foreign == "moka"
                        && matches!(name, "kest-core" | "kest-baggage" | "kest-identity" | "kest-policy"));
                assert!(
                    !used || at_home || (foreign == "ed25519_dalek" && name == "kest-identity"),
                    "{}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn tower_layers_name_axum_only_to_find_the_address_that_was_asked_for_and_to_sign_its_bodies() {
    let manifest = std::fs::read_to_string(root().join("crates/kest-tower/Cargo.toml")).unwrap();
    let names_it = |line: &&str| line.starts_with("axum.") || line.starts_with("axum =");
    for line in manifest.lines().filter(names_it) {
        assert!(line.contains("optional = true") || line.contains("dep:axum"), "{line}");
    }
    for (path, code) in sources("kest-tower") {
        let may =
            ["src/address.rs", "src/touch.rs", "carry/content.rs"].iter().any(|file| path.ends_with(file));
        assert!(!code.contains("axum::") || may, "{}", path.display());
    }
}

#[test]
fn layers_and_client_do_not_know_each_other() {
    assert!(!dependencies("kest-tower").contains("kest-reqwest"));
    assert!(!dependencies("kest-reqwest").contains("kest-tower"));
}

#[test]
fn features_of_the_front_door_only_add_crates() {
    let manifest = std::fs::read_to_string(root().join("crates/kest/Cargo.toml")).unwrap();
    let features = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in features.lines().filter(|line| line.contains('=')) {
        let of_one = |base: &str| line.contains(&format!("[\"{base}\", \"kest-{base}/"));
        let adds = line.contains("dep:kest-") || of_one("policy") || of_one("redis") || of_one("telemetry");
        // Each only adds items to a crate that is there.
        let names = ["tonic = [\"kest-tower/tonic\"]", "x509 = [\"kest-identity/x509\"]"].contains(&line);
        assert!(line == "default = []" || adds || names, "{line}");
    }
    for name in CRATES {
        for (path, code) in sources(name) {
            assert!(!code.contains("cfg!(feature"), "{}: a feature changes behaviour", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_none_grows_past_a_sitting() {
    for name in CRATES {
        for (path, code) in sources(name) {
            assert!(code.starts_with("//!") || code.starts_with("#![doc"), "{}", path.display());
            assert!(code.lines().count() <= 400, "{} has too many lines", path.display());
        }
    }
}

/// Prose names who acts: the caller, the carrier, the writer of the store.
#[test]
fn prose_names_who_acts() {
    fn walk(folder: &Path, wrong: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !name.starts_with('.') && !matches!(name, "target" | "node_modules") {
                    walk(&path, wrong);
                }
                continue;
            }
            let ours = path.extension().and_then(|it| it.to_str());
            if !matches!(ours, Some("rs" | "md" | "toml" | "cedar" | "rego" | "json" | "mjs")) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (line, text) in text.lines().enumerate() {
                let text = text.to_lowercase();
                let vague = [concat!("no", "body"), concat!("some", "body"), concat!("who", "ever")];
                let vague =
                    text.split(|it: char| !it.is_alphanumeric() && it != '_').any(|it| vague.contains(&it));
                if vague || text.contains(concat!("is ", "none")) {
                    wrong.push(format!("{}:{}", path.display(), line + 1));
                }
            }
        }
    }
    let mut wrong = Vec::new();
    walk(&root(), &mut wrong);
    assert_eq!(wrong, Vec::<String>::new());
}

/// The lock file also lists crates that no feature switches on, so the resolved tree is asked.
#[test]
fn no_other_cryptography_backend_is_built() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--workspace",
            "--all-features",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.lines().any(|line| line.starts_with("aws-lc-rs ")), "the tree is readable");
    for banned in ["ring", "openssl", "openssl-sys", "native-tls", "rsa"] {
        assert!(!tree.lines().any(|line| line.split(' ').next() == Some(banned)), "{banned}");
    }
}
