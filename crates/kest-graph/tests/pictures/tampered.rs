//! A page whose data were changed refuses itself.

use kest_core::entry::EntryHash;
use kest_servers::browser::Browser;
use serde_json::json;

use crate::support::{drawn, written};

const OPEN: &str = "id=\"lineage\">";

/// The page with another block of data; `digest` says whether its digest is made to fit.
fn with_data(page: &str, data: &str, fitting: bool) -> String {
    let (head, rest) = page.split_once(OPEN).unwrap();
    let tail = rest.split_once("</script>").unwrap().1;
    let changed = format!("{head}{OPEN}{data}</script>{tail}");
    let own = |page: &str| page.split("data-digest=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    if fitting {
        changed.replacen(&own(page), &EntryHash::of_bytes(data.as_bytes()).to_hex(), 1)
    } else {
        changed
    }
}

fn data(page: &str) -> &str {
    page.split_once(OPEN).unwrap().1.split_once("</script>").unwrap().0
}

/// What the browser finds in pages that were changed like this, in their order.
async fn verdicts(browser: &mut Browser, pages: impl IntoIterator<Item = String>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages.into_iter().enumerate();
    let paths: Vec<String> =
        pages.map(|(number, page)| written(&folder, &format!("{number}.html"), &page)).collect();
    let found = browser.ask(json!({"do": "verdicts", "paths": paths})).await;
    serde_json::from_value(found).unwrap()
}

/// Attack: one byte of the data, anywhere.
#[tokio::test]
async fn page_with_a_changed_byte_anywhere_in_its_data_refuses_itself() {
    let mut browser = Browser::start();
    let page = drawn("accept.json", "diamond").to_html();
    let whole = data(&page).to_owned();
    let (step, ends) = (whole.len() / 48, 64);
    let places: Vec<usize> = (0..ends)
        .chain((ends..whole.len() - ends).step_by(step))
        .chain(whole.len() - ends..whole.len())
        .collect();
    let changed = places.iter().map(|place| {
        let mut bytes = whole.clone().into_bytes();
        bytes[*place] = if bytes[*place] == b'7' { b'8' } else { b'7' };
        with_data(&page, &String::from_utf8(bytes).unwrap(), false)
    });
    let found = verdicts(&mut browser, changed).await;
    for (place, verdict) in places.iter().zip(&found) {
        assert_eq!(verdict, "refused", "byte {place}");
    }
    assert_eq!(found.len(), places.len());
    // What no signature covers: bounds, places, and what we found.
    let changes = [
        ("\"entries\":1024", "\"entries\":2024"),
        ("\"labels\":32", "\"labels\":92"),
        ("\"edges\":[[0,1]", "\"edges\":[[0,3]"),
        ("\"ours\":", "\"7urs\":"),
        ("\"ours\":{", "\"ours\":null,\"theirs\":{"),
        ("\"standing\":\"verified\"", "\"standing\":\"refused\""),
    ];
    let changed = changes.iter().map(|(was, is)| {
        let changed = whole.replacen(was, is, 1);
        assert_ne!(changed, whole, "{was}");
        with_data(&page, &changed, false)
    });
    let whole = with_data(&page, &whole, true);
    let found = verdicts(&mut browser, changed.chain([whole])).await;
    let (last, others) = found.split_last().unwrap();
    for ((was, _), verdict) in changes.iter().zip(others) {
        assert_eq!(verdict, "refused", "{was}");
    }
    assert_eq!((last.as_str(), others.len()), ("verified", changes.len()));
}

/// Attack: the digest of the data is made to fit, so that only what was signed stands in the way.
#[tokio::test]
async fn page_whose_entries_or_keys_were_changed_refuses_itself_though_its_digest_fits() {
    let mut browser = Browser::start();
    let page = drawn("accept.json", "diamond").to_html();
    let whole: serde_json::Value = serde_json::from_str(data(&page)).unwrap();
    let mut changes: Vec<(String, serde_json::Value, &str)> = Vec::new();
    for entry in 0..4 {
        let text = whole["passport"][entry].as_str().unwrap().to_owned();
        for place in [3, 80, text.len() / 2, text.len() - 90, text.len() - 3] {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let mut changed = whole.clone();
            changed["passport"][entry] = json!(String::from_utf8(bytes).unwrap());
            changes.push((format!("entry {entry} at {place}"), changed, "refused"));
        }
    }
    let mut cut = whole.clone();
    cut["passport"].as_array_mut().unwrap().pop();
    changes.push(("the end cut off".into(), cut, "refused"));
    let mut swapped = whole.clone();
    swapped["passport"].as_array_mut().unwrap().swap(1, 3);
    changes.push(("two entries swapped".into(), swapped, "refused"));
    let mut strange = whole.clone();
    strange["keys"] = json!(whole["keys"].as_str().unwrap().replace("gateway-1", "gateway-2"));
    changes.push(("a key renamed".into(), strange, "refused"));
    let mut bare = whole.clone();
    bare["keys"] = json!(null);
    changes.push(("no keys".into(), bare, "unsupported"));
    let mut loose = whole.clone();
    loose["dialect"] = json!("legacy");
    changes.push(("another dialect".into(), loose, "unsupported"));
    let pages = changes.iter().map(|(_, data, _)| with_data(&page, &data.to_string(), true));
    let found = verdicts(&mut browser, pages).await;
    for ((change, _, verdict), found) in changes.iter().zip(&found) {
        assert_eq!(found, verdict, "{change}");
    }
    assert_eq!(found.len(), changes.len());
}
