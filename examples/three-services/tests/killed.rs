//! A service that is killed in mid load: all that it answered is in its log, and the next one goes on.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a rig that cannot be set up must end the test, at the line that failed"
)]

mod rig;

use std::collections::HashSet;

use kest::core::entry::EntryHash;
use rig::{Folder, Hop, flags, kest, keys};
use serde_json::Value;
use three_services::answer::Answer;
use three_services::issuer::Issuer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Callers at once.
const CALLERS: usize = 8;
/// Answers before the service is killed.
const ANSWERS: usize = 100;

/// What one caller heard.
#[derive(Debug, Clone, Copy)]
enum Heard {
    /// 200, with this entry at the end of the lineage.
    Ran(EntryHash),
    /// Another status.
    Refused(u16),
}

/// Attack: the power is cut, by a signal that no program hears, while a service answers.
#[tokio::test]
async fn service_that_is_killed_in_mid_load_has_recorded_all_that_it_answered() {
    let folder = Folder::new("killed");
    let (log, bundle) = (folder.path("log"), keys(&folder));
    let issuer = Issuer::start().await.unwrap();
    let (jwks, name) = (issuer.jwks_uri(), issuer.name());
    let edge = ["--jwks-uri", &jwks, "--issuer", &name, "--audience", "shop", "--audit", &log];
    let start = || Hop::start(&flags(&folder, "gateway", &bundle, &edge));
    let token = issuer.token("shop", "alice", "web", "orders:write").unwrap();

    let gateway = start();
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut callers = JoinSet::new();
    for _caller in 0..CALLERS {
        callers.spawn(call_until_it_is_gone(format!("{}/call", gateway.origin), token.clone(), tell.clone()));
    }
    drop(tell);
    let (mut ran, mut refused) = (HashSet::new(), Vec::new());
    while ran.len() < ANSWERS {
        take(told.recv().await.unwrap(), &mut ran, &mut refused);
    }
    drop(gateway);
    while let Some(heard) = told.recv().await {
        take(heard, &mut ran, &mut refused);
    }
    callers.join_all().await;

    let found = verified(&log, &bundle);
    let recorded = signed(&log);
    assert_eq!(found.pointer("/writers/0/state"), Some(&"crashed".into()), "{found}");
    let unrecorded = ran.difference(&recorded).count();
    assert_eq!(unrecorded, 0, "of {} that were answered", ran.len());
    // What is recorded and was not answered was under way when it was killed.
    let under_way = recorded.len() - ran.len();
    assert!(under_way <= CALLERS + refused.len(), "{under_way} {refused:?}");

    let gateway = start();
    let call = reqwest::Client::new().post(format!("{}/call", gateway.origin)).bearer_auth(&token);
    // A disk may take longer than an operation waits.
    while call.try_clone().unwrap().send().await.unwrap().status() != 200 {}
    assert_eq!(gateway.terminate(), Some(0));
    let found = verified(&log, &bundle);
    let states = ["/writers/0/state", "/writers/1/state"].map(|of| found.pointer(of).cloned().unwrap());
    assert_eq!(states, ["crashed", "ended"], "{found}");
    assert!(signed(&log).len() > recorded.len());
}

async fn call_until_it_is_gone(url: String, token: String, tell: mpsc::UnboundedSender<Heard>) {
    let client = reqwest::Client::new();
    while let Ok(response) = client.post(&url).bearer_auth(&token).send().await {
        let status = response.status().as_u16();
        let heard = if status == 200 {
            // An answer that was cut off says no entry.
            let Ok(answer) = response.json::<Answer>().await else { return };
            Heard::Ran(EntryHash::of(answer.passport.last().unwrap()))
        } else {
            Heard::Refused(status)
        };
        tell.send(heard).unwrap();
    }
}

fn take(heard: Heard, ran: &mut HashSet<EntryHash>, refused: &mut Vec<u16>) {
    match heard {
        Heard::Ran(entry) => assert!(ran.insert(entry)),
        Heard::Refused(status) => refused.push(status),
    }
}

/// What `kest audit verify` says of a log without a fault.
fn verified(log: &str, bundle: &str) -> Value {
    let verified = kest(&["audit", "verify", log, "--keys", bundle, "--json"]);
    let told: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(told.get("verdict"), Some(&"accept".into()), "{told}");
    told
}

/// The entries that were signed, as the log has them.
fn signed(log: &str) -> HashSet<EntryHash> {
    let found = kest(&["audit", "query", log, "--json", "--signed"]);
    let lines = String::from_utf8(found.stdout).unwrap();
    let entry =
        |line: &str| serde_json::from_str::<Value>(line).unwrap().get("entry")?.as_str()?.parse().ok();
    lines.lines().filter_map(entry).collect()
}
