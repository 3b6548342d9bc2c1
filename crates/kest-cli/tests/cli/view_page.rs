//! `kest view` in a real Chromium: list, search, one lineage, refusals, what is missing, and what comes while it is open.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::entry::EntryHash;
use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::trust::Origin;
use kest_core::{Admitter, Operation};
use kest_servers::browser::Browser;
use serde_json::{Value, json};

use crate::audit::{log, write};
use crate::support::{bundle, directory, file};
use crate::view::Viewer;

async fn visit(browser: &mut Browser, url: Option<&str>, steps: Value) -> Value {
    let mut command = json!({"do": "visit", "steps": steps});
    if let Some(url) = url {
        command["url"] = url.into();
    }
    let seen = browser.ask(command).await;
    assert_eq!(
        (&seen["errors"], &seen["dialogs"], &seen["windows"]),
        (&json!([]), &json!(0), &json!(0)),
        "{seen}"
    );
    seen
}

/// Puts a picture of the page where one who works on it wants to look at it.
async fn shot(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("KEST_SHOTS") {
        let out = std::path::Path::new(&folder).join(name);
        browser.ask(json!({"do": "shot", "out": out})).await;
    }
}

#[tokio::test]
async fn page_leads_from_the_list_by_a_search_to_a_lineage_that_verifies_itself() {
    let (_directory, folder, _last) = tokio::task::spawn_blocking(|| log("view-page")).await.unwrap();
    let viewer = Viewer::over(&folder);
    let (mut browser, home) = (Browser::start(), format!("http://{}/", viewer.address));
    let seen = visit(&mut browser, Some(&home), json!([["wait", "[data-standing=good]"]])).await;
    assert_eq!((&seen["rows"], &seen["standing"], &seen["cut"]), (&json!(1), &json!("good"), &json!(false)));
    shot(&mut browser, "view-list.png").await;
    let search = json!([
        ["click", "summary"],
        ["fill", "#operation", "leaf"],
        ["fill", "#taint", "raw"],
        ["click", "button[type=submit]"],
        ["wait", "tbody tr"],
    ]);
    let seen = visit(&mut browser, None, search).await;
    assert!(seen["url"].as_str().unwrap().contains("operation=leaf"), "{seen}");
    shot(&mut browser, "view-search.png").await;
    let opened = json!([["click", "tbody a"], ["wait", "html[data-verdict]"]]);
    let seen = visit(&mut browser, None, opened).await;
    assert_eq!(seen["verdict"], "verified", "{seen}");
    assert_eq!(browser.ask(json!({"do": "axe"})).await, json!([]));
    shot(&mut browser, "view-lineage.png").await;
    let seen =
        visit(&mut browser, None, json!([["click", "nav a[href^='/records']"], ["wait", "tbody tr"]])).await;
    assert_eq!(seen["rows"], 2, "{seen}");
    shot(&mut browser, "view-records.png").await;
    let seen =
        visit(&mut browser, None, json!([["click", "nav a[href='/refusals']"], ["wait", "tbody tr"]])).await;
    assert!(seen["rows"] == 1 && seen["visible"].as_str().unwrap().contains("denied"), "{seen}");
    shot(&mut browser, "view-refusals.png").await;
    let seen =
        visit(&mut browser, None, json!([["click", "nav a[href='/log']"], ["wait", "tbody tr"]])).await;
    assert!(seen["visible"].as_str().unwrap().contains("Nothing is missing"), "{seen}");
    shot(&mut browser, "view-log.png").await;
}

#[tokio::test]
async fn what_comes_appears_without_a_reload_and_not_while_it_is_paused() {
    let (_directory, folder, _last) = tokio::task::spawn_blocking(|| log("view-page-live")).await.unwrap();
    let viewer = Viewer::over(&folder);
    let (mut browser, home) = (Browser::start(), format!("http://{}/", viewer.address));
    let marked = json!([["evaluate", "window.stays = true"], ["focus", "tbody a"]]);
    visit(&mut browser, Some(&home), marked).await;
    let come = |name: &'static str| {
        let folder = folder.clone();
        std::thread::spawn(move || {
            write(&folder, async |service: Admitter| {
                let (operation, policy) = (Operation::named(name).unwrap(), dangerous_allow_all());
                drop(service.originate(Origin::system(), &operation, &policy).await.unwrap());
                let never = policy_fn("never", |_| false).unwrap();
                drop(service.originate(Origin::system(), &operation, &never).await.unwrap_err());
            });
        })
        .join()
        .unwrap();
    };
    come("late");
    let seen = visit(&mut browser, None, json!([["wait", "tbody tr:first-child.new"]])).await;
    assert!(seen["visible"].as_str().unwrap().contains("late"), "{seen}");
    let stays =
        json!([["waitForFunction", "window.stays === true && document.activeElement.matches('tbody a')"]]);
    visit(&mut browser, None, stays).await;
    shot(&mut browser, "view-live.png").await;
    visit(&mut browser, None, json!([["click", "#pause"]])).await;
    come("later");
    let on = json!([["waitForFunction", "document.getElementById('news').textContent === 'Paused'"]]);
    let seen = visit(&mut browser, None, on).await;
    assert_eq!(seen["rows"], 2, "{seen}");
    let seen =
        visit(&mut browser, None, json!([["click", "#pause"], ["wait", "tbody tr:nth-child(3)"]])).await;
    assert!(seen["visible"].as_str().unwrap().contains("later"), "{seen}");
}

#[tokio::test]
async fn page_names_what_the_log_lacks() {
    let (_directory, folder, last) = tokio::task::spawn_blocking(|| log("view-page-gap")).await.unwrap();
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    let root = last.passport().entries()[0].compact();
    let kept = text.lines().filter(|it| !it.contains(root)).map(|line| format!("{line}\n"));
    std::fs::write(&file, kept.collect::<String>()).unwrap();
    let viewer = Viewer::over(&folder);
    let (mut browser, home) = (Browser::start(), format!("http://{}/log", viewer.address));
    let seen =
        visit(&mut browser, Some(&home), json!([["wait", "[data-standing=bad]"], ["wait", "tbody"]])).await;
    let visible = seen["visible"].as_str().unwrap();
    assert!(visible.contains("missing") && visible.contains("gap"), "{seen}");
    shot(&mut browser, "view-gap.png").await;
    let lineage = format!("http://{}/lineage?entry={}", viewer.address, last.entry().hash().to_hex());
    let seen = visit(&mut browser, Some(&lineage), json!([["wait", "html[data-verdict]"]])).await;
    assert_eq!(seen["verdict"], "refused");
    assert!(seen["visible"].as_str().unwrap().contains("missing"), "{seen}");
}

/// Strings that do something where they are not taken for text.
const HOSTILE: [&str; 12] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title></style><script src=//evil.example></script>",
    "&lt;b&gt;&#60;&amp;",
    "\u{202e}gnp.exe\u{202c}\u{2066}x\u{2069}",
    "a\u{200b}b\u{feff}c\u{3164}d\u{ad}e",
    "a\r\nb\u{2028}c\u{0}d\u{1b}[2J",
    "__proto__",
    "z\u{335}\u{322}\u{489}\u{301}\u{302}\u{303}",
];

/// A log that no service wrote: each text in every member of an entry and of a refusal.
fn hostile_log(name: &str) -> PathBuf {
    let directory = directory(name);
    file(&directory, "bundle.json", bundle(&["cart"]));
    let folder = directory.join("log");
    std::fs::create_dir(&folder).unwrap();
    let writer = "01900000-0000-7000-8000-000000000000";
    let mut lines = String::new();
    for text in HOSTILE {
        let said = Value::from(text).to_string();
        let refused = ["agent", "cause", "kind", "operation", "step", "task", "tenant", "user", "workload"]
            .map(|member| format!("\"{member}\":{said}"));
        for record in [
            format!("{{\"signed\":{{\"entry\":\"{}\"}}}}", entry(text)),
            format!("{{\"refused\":{{{}}}}}", refused.join(",")),
            format!(
                "{{\"finished\":{{\"ending\":{said},\"entry\":\"{}\",\"millis\":1}}}}",
                EntryHash::of(&entry(text)).to_hex()
            ),
        ] {
            let seq = lines.lines().count();
            let (at, prev) = (1_800_000_000_000_u64, "0".repeat(64));
            lines.push_str(&format!(
                "{{\"at\":{at},\"prev\":\"{prev}\",\"record\":{record},\"seq\":{seq},\"v\":1,\"writer\":\"{writer}\"}}\n"
            ));
        }
    }
    std::fs::write(folder.join(format!("{writer}.000001.jsonl")), lines).unwrap();
    folder
}

/// An entry that no one signed, with `text` wherever a page shows one.
fn entry(text: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let payload = json!({
        "operation": text, "trust_score": 40, "taints": [text], "parent_ids": ["0"],
        "labels": {
            "principal": text, "trace_id": text, "kest.tenant": text,
            "kest.identity": json!({"user": text, "agent": text, "task": text}).to_string(),
        },
    });
    format!("{}.{}.AAAA", part(&json!({"alg": "EdDSA", "kid": text})), part(&payload))
}

/// Attack: a service, or one who can write the log, puts what does something elsewhere into every member; and so does a link.
#[tokio::test]
async fn hostile_texts_do_nothing_in_any_page() {
    let folder = hostile_log("view-page-hostile");
    let viewer = Viewer::over(&folder);
    let mut browser = Browser::start();
    let at = |path: &str| format!("http://{}{path}", viewer.address);
    let link = |path: &str, name: &str, text: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, text).finish();
        format!("{path}?{query}")
    };
    let mut pages = vec!["/".to_owned(), "/refusals".to_owned(), "/log".to_owned()];
    for text in HOSTILE {
        pages.extend([link("/", "user", text), link("/", text, text), link("/records", "trace", text)]);
        pages.extend([
            link("/", "since", text),
            format!("/{}", text.replace(|it: char| !it.is_ascii_graphic(), "")),
        ]);
    }
    browser.ask(json!({"do": "visit", "url": at("/")})).await;
    for path in pages {
        let seen = browser.ask(json!({"do": "visit", "url": at(&path), "same": true})).await;
        assert_eq!((&seen["dialogs"], &seen["windows"]), (&json!(0), &json!(0)), "{path}");
        assert_eq!((&seen["scripts"], &seen["foreign"]), (&json!(1), &json!(0)), "{path}: {seen}");
        let asked: Vec<&str> =
            seen["requests"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert!(asked.iter().all(|it| it.starts_with(&at("/"))), "{asked:?}");
        let visible = seen["visible"].as_str().unwrap();
        let harmful = |it: &char| {
            it.is_control() && !matches!(it, '\n' | '\t')
                || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}' | '\u{3164}')
        };
        assert_eq!(visible.chars().filter(harmful).collect::<String>(), "", "{path}");
        if path == "/" || path == "/refusals" {
            assert_eq!(seen["rows"], HOSTILE.len(), "{path}");
            assert!(visible.contains("\"<img src=x onerror=alert(1)>\""), "{visible}");
            shot(&mut browser, &format!("view-hostile{}.png", path.replace('/', "-"))).await;
        }
    }
    for text in HOSTILE {
        let url = at(&link("/lineage", "trace", text));
        let steps = json!([["wait", "html[data-verdict]"]]);
        let seen = browser.ask(json!({"do": "visit", "url": url, "same": true, "steps": steps})).await;
        assert_eq!(seen["verdict"], "refused", "{text}");
        assert_eq!((&seen["dialogs"], &seen["scripts"], &seen["foreign"]), (&json!(0), &json!(2), &json!(0)));
    }
}

#[tokio::test]
async fn pages_can_be_used_by_keyboard_and_by_screen_readers_in_light_and_dark() {
    let (_directory, folder, last) = tokio::task::spawn_blocking(|| log("view-page-axe")).await.unwrap();
    let viewer = Viewer::over(&folder);
    let mut browser = Browser::start();
    let records = format!("/records?entry={}", last.entry().hash().to_hex());
    for path in ["/", "/?user=alice", "/refusals", "/log", "/nothing", "/?since=x", &records] {
        for scheme in ["light", "dark"] {
            let url = format!("http://{}{path}", viewer.address);
            let steps = json!([["wait", "[data-standing=good]"]]);
            browser.ask(json!({"do": "visit", "url": url, "scheme": scheme, "steps": steps})).await;
            assert_eq!(browser.ask(json!({"do": "axe"})).await, json!([]), "{path} {scheme}");
        }
    }
    let home = format!("http://{}/", viewer.address);
    visit(&mut browser, Some(&home), json!([])).await;
    let stops = browser.ask(json!({"do": "tab", "times": 5})).await;
    assert_eq!(stops[0], "skip", "{stops}");
    // Without a script the pages are there all the same, but for the picture.
    let bare = browser.ask(json!({"do": "visit", "url": home, "script": false})).await;
    assert_eq!(bare["rows"], 1, "{bare}");
}
