//! `kest authority init`, `ticket`, `rotate-root` and `status`: keys that only their owner reads, and what is given out by them.

use std::fs;
use std::path::{Path, PathBuf};

use kest_servers::postgres::PostgresServer;
use kest_workload::protocol::TicketText;
use serde_json::{Value, json};

use crate::authority::authority;
use crate::support::{Run, directory, kest};

/// A new authority of example.org.
pub(crate) fn init(name: &str) -> PathBuf {
    let folder = directory(name).join("authority");
    let made = authority(&folder, &["init", "--trust-domain", "example.org"]);
    assert_eq!((made.code, made.text()), (Some(0), ""), "{made:?}");
    folder
}

/// The text of a new ticket.
pub(crate) fn ticket(folder: &Path, name: &str, more: &[&str]) -> String {
    let given = try_ticket(folder, &format!("spiffe://example.org/{name}"), more);
    assert_eq!(given.code, Some(0), "{given:?}");
    let text = given.text().strip_suffix('\n').unwrap().to_owned();
    assert!(!given.stderr.contains(&text), "{given:?}");
    text
}

fn try_ticket(folder: &Path, identity: &str, more: &[&str]) -> Run {
    authority(folder, &[&["ticket", "--identity", identity], more].concat())
}

fn status(folder: &Path) -> Value {
    let status = authority(folder, &["status", "--json"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    status.json()
}

/// Attack: another user of the machine reads the keys, or the second run of a script puts new ones in their place.
#[cfg(unix)]
#[test]
fn keys_and_store_are_their_owners_alone_and_are_not_made_twice() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = init("authority-init");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let keys = fs::read(folder.join("authority.json")).unwrap();
    let again = authority(&folder, &["init", "--trust-domain", "example.org"]);
    assert_eq!((again.code, again.text()), (Some(1), ""), "{again:?}");
    assert_eq!(fs::read(folder.join("authority.json")).unwrap(), keys);
    fs::set_permissions(folder.join("authority.json"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = try_ticket(&folder, "spiffe://example.org/cart", &[]);
    assert_eq!((open.code, open.text()), (Some(2), ""), "{open:?}");
}

#[test]
fn ticket_is_alone_on_standard_output_and_its_text_is_kept_nowhere() {
    let folder = init("authority-ticket");
    let text = ticket(&folder, "cart", &[]);
    let hash = TicketText::parse(&text).unwrap().hash();
    let replacing =
        TicketText::parse(&ticket(&folder, "stock", &["--replace", "--lives", "1h"])).unwrap().hash();
    let listed = authority(&folder, &["list", "--json"]).json();
    let tickets = listed["tickets"].as_array().unwrap();
    let of = |hash: &str| tickets.iter().find(|ticket| ticket["hash"] == hash).unwrap();
    let lives = |ticket: &Value| ticket["expires"].as_u64().unwrap() - ticket["created"].as_u64().unwrap();
    assert_eq!((&of(&hash)["replace"], lives(of(&hash))), (&json!(false), 600_000));
    assert_eq!((&of(&replacing)["replace"], lives(of(&replacing))), (&json!(true), 3_600_000));
    let secret = text.split('.').nth(1).unwrap();
    for file in fs::read_dir(&folder).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(secret.len()).any(|it| it == secret.as_bytes()));
    }
}

/// Attack: a ticket for the authority's own name, for another domain, or for ever.
#[test]
fn ticket_that_no_one_may_have_is_not_given_out() {
    let folder = init("authority-tickets-refused");
    for (identity, more, code) in [
        ("spiffe://example.org/kest/authority", &[][..], 1),
        ("spiffe://example.com/cart", &[], 1),
        ("spiffe://example.org/cart", &["--lives", "25h"], 2),
        ("spiffe://example.org/cart", &["--lives", "0s"], 2),
        ("spiffe://example.org/cart", &["--lives", "-1m"], 2),
        ("cart", &[], 2),
    ] {
        let refused = try_ticket(&folder, identity, more);
        assert_eq!((refused.code, refused.text()), (Some(code), ""), "{identity}: {refused:?}");
    }
    assert_eq!(status(&folder)["tickets"], json!({"unused": 0, "stolen": 0}));
}

#[test]
fn next_root_is_published_beside_the_one_before_and_there_is_no_third() {
    let folder = init("authority-rotate");
    let before = status(&folder);
    for (more, roots, token_keys) in [(&[][..], 2, 1), (&["--tokens", "--overlap", "30m"], 2, 2)] {
        let made = authority(&folder, &[&["rotate-root"], more].concat());
        assert_eq!(made.code, Some(0), "{made:?}");
        let now = status(&folder);
        let published = &now["authorities"][0];
        assert_eq!(published["roots"].as_array().unwrap().len(), roots);
        assert_eq!(published["token_keys"].as_array().unwrap().len(), token_keys);
        assert_eq!(published["roots"][0], before["authorities"][0]["roots"][0], "the one before stays");
        let keys = now["keys"].as_array().unwrap();
        let signs: Vec<&Value> =
            keys.iter().filter(|key| key["signs"] == true).map(|key| &key["name"]).collect();
        let first = &before["authorities"][0];
        assert_eq!(signs, [&first["roots"][0], &first["token_keys"][0]], "the next one waits");
        assert!(now["sequence"].as_u64() > before["sequence"].as_u64());
        let third = authority(&folder, &[&["rotate-root"], more].concat());
        assert_eq!(third.code, Some(1), "{third:?}");
        assert_eq!(status(&folder), now);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorities_publish_in_one_postgres() {
    let server = PostgresServer::start().await;
    let (folder, url) = (directory("authority-two"), server.url());
    for name in ["one", "two"] {
        let made = authority(
            &folder.join(name),
            &["init", "--trust-domain", "example.org", "--name", "authority.internal", "--store", &url],
        );
        assert_eq!(made.code, Some(0), "{made:?}");
        assert!(!made.stderr.contains("secret"), "{made:?}");
    }
    let given = authority(
        &folder.join("one"),
        &["ticket", "--identity", "spiffe://example.org/cart", "--store", &url],
    );
    assert_eq!(given.code, Some(0), "{given:?}");
    let status = authority(&folder.join("two"), &["status", "--json", "--store", &url]).json();
    assert_eq!(status["authorities"].as_array().unwrap().len(), 2);
    assert_eq!(status["tickets"]["unused"], 1);
}

/// Failure: what is scripted by the names of the commands and their flags.
#[test]
fn commands_are_those_of_the_guide() {
    let help = kest(["authority", "--help"], b"");
    let told: Vec<&str> = help.text().lines().filter_map(|line| line.trim().split(' ').next()).collect();
    for command in ["init", "serve", "ticket", "list", "revoke", "rotate-root", "status"] {
        assert!(told.contains(&command), "{help:?}");
    }
}
