//! `kest view` in a real Chromium: list, search, one lineage, refusals, what is missing, and what comes while it is open.

use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::trust::Origin;
use kest_core::{Admitter, Operation};
use kest_servers::browser::Browser;
use serde_json::{Value, json};

use crate::audit::{log, write};
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
