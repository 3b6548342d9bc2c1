//! Mermaid, Graphviz and a browser read what we draw for them, hostile texts included.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::UnverifiedPassport;
use kest_graph::Graph;
use kest_servers::browser::Browser;
use serde_json::{Value, json};

use crate::support::{HOSTILE, all_over_graph, drawn, graphviz};

/// Each text, drawn by Mermaid: as many boxes as there are entries, and nothing else happens.
#[tokio::test]
async fn mermaid_draws_hostile_texts_as_texts() {
    let mut browser = Browser::start();
    for text in HOSTILE {
        let graph = all_over_graph(&[text, "plain"]);
        let drawn = browser.ask(json!({"do": "mermaid", "text": graph.to_mermaid()})).await;
        // Two entries, and the parent that the second names and that is not there.
        let labels = drawn["labels"].as_array().unwrap();
        assert_eq!(labels.len(), 3, "{text:?}: {drawn}");
        assert_eq!(
            (&drawn["foreign"], &drawn["dialogs"], &drawn["edges"]),
            (&json!(0), &json!(0), &json!(2))
        );
        assert_eq!(drawn["requests"], json!([]), "{text:?}");
        let said = labels[0].as_str().unwrap();
        assert!(said.contains("[not checked]"), "{text:?}: {said}");
    }
    let drawn =
        browser.ask(json!({"do": "mermaid", "text": all_over_graph(&["<b>a</b>"]).to_mermaid()})).await;
    assert!(drawn["labels"][0].as_str().unwrap().starts_with("#0 \"<b>a</b>\""), "{drawn}");
}

/// An entry that no one signed, by this workload.
fn bare(workload: &str, number: usize, parents: &[String]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let parents = if parents.is_empty() { json!(["0"]) } else { json!(parents) };
    let payload = json!({
        "operation": format!("step_{number}"), "parent_ids": parents, "labels": {"principal": workload},
    });
    format!("{}.{}.AAAA", part(&json!({"alg": "EdDSA"})), part(&payload))
}

/// So many entries, each after as many of those before it.
fn lineage_of(count: usize, after: usize, workload: impl Fn(usize) -> String) -> Graph {
    let (mut entries, mut hashes): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for number in 0..count {
        let parents = &hashes[number.saturating_sub(after)..];
        let entry = bare(&workload(number), number, parents);
        hashes.push(kest_core::entry::EntryHash::of(&entry).to_hex());
        entries.push(entry);
    }
    let limits = crate::support::limits();
    Graph::unchecked(&UnverifiedPassport::dangerous_from_entries(entries, None, &limits).unwrap())
}

/// Mermaid draws five hundred lines, unless the page around it says otherwise.
#[tokio::test]
async fn dense_lineage_is_folded_where_mermaid_would_not_draw_its_lines() {
    let mut browser = Browser::start();
    let graph = lineage_of(50, 14, |number| format!("service-{}", number % 3));
    let chart = graph.to_mermaid();
    assert!(chart.starts_with("flowchart TD\n"), "{chart}");
    let drawn = browser.ask(json!({"do": "mermaid", "text": chart})).await;
    assert_eq!((drawn["labels"].as_array().unwrap().len(), &drawn["edges"]), (3, &json!(6)), "{drawn}");
    let sparse = lineage_of(50, 8, |number| format!("service-{}", number % 3));
    let drawn = browser.ask(json!({"do": "mermaid", "text": sparse.to_mermaid()})).await;
    assert_eq!(drawn["labels"].as_array().unwrap().len(), 50, "{drawn}");
}

/// Even folded some lineages are over what Mermaid reads: the chart says what to tell it, and that is enough.
#[tokio::test]
async fn chart_that_mermaid_would_not_read_says_what_to_tell_it() {
    let mut browser = Browser::start();
    let graph = lineage_of(400, 1, |number| format!("{}/{number}", "long-name".repeat(12)));
    let chart = graph.to_mermaid();
    let note = chart.lines().next().unwrap();
    assert!(note.starts_with("%% too long for the defaults of Mermaid"), "{note}");
    let refused = browser.ask(json!({"do": "mermaid", "text": chart})).await;
    assert_ne!(refused["labels"].as_array().unwrap().len(), 400, "{refused}");
    let mut numbers = note.split(' ').filter_map(|word| word.parse::<u64>().ok());
    let settings = json!({"maxTextSize": numbers.next().unwrap(), "maxEdges": numbers.next().unwrap()});
    let drawn = browser.ask(json!({"do": "mermaid", "text": chart, "settings": settings})).await;
    assert_eq!(drawn["labels"].as_array().unwrap().len(), 400, "{note}");
}

#[tokio::test]
async fn mermaid_draws_every_shape_and_join() {
    let mut browser = Browser::start();
    for (file, name, boxes, edges) in [
        ("accept.json", "diamond", 4, 4),
        ("refuse.json", "entry_cut_out_of_the_middle", 3, 1),
        ("refuse.json", "tail_cut_off", 2, 0),
    ] {
        let graph = drawn(file, name);
        let drawn = browser.ask(json!({"do": "mermaid", "text": graph.to_mermaid()})).await;
        let found = (drawn["labels"].as_array().unwrap().len(), drawn["edges"].as_u64().unwrap());
        assert_eq!(found, (boxes, edges), "{name}: {}", graph.to_mermaid());
    }
}

#[test]
fn graphviz_draws_hostile_texts_as_texts() {
    for text in HOSTILE {
        let svg = graphviz(&all_over_graph(&[text, "plain"]).to_dot());
        assert_eq!(svg.matches("class=\"node\"").count(), 3, "{text:?}");
        assert!(!svg.contains("<script") && !svg.contains("href="), "{text:?}");
    }
    let svg = graphviz(&all_over_graph(&["&lt;b&gt;\\N"]).to_dot());
    assert!(svg.contains("&amp;lt;b&amp;gt;\\\\N"), "{svg}");
}

#[tokio::test]
async fn svg_is_xml_without_scripts_whatever_texts_say() {
    let mut browser = Browser::start();
    let names = ["g", "path", "rect", "svg", "text", "title"];
    for text in HOSTILE {
        let graph = all_over_graph(&[text, "plain"]);
        let read = browser.ask(json!({"do": "svg", "text": graph.to_svg()})).await;
        assert_eq!(read["names"], json!(names), "{text:?}");
        let attributes: Vec<&str> =
            read["attributes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(attributes.iter().all(|it| !it.starts_with("on") && !it.contains("href")), "{attributes:?}");
    }
    let read = browser.ask(json!({"do": "svg", "text": all_over_graph(&["<b>&amp;"]).to_svg()})).await;
    let texts = read["texts"].as_array().unwrap();
    assert!(texts.iter().any(|it| it.as_str().unwrap().starts_with("#0 \"<b>&amp;\"")), "{texts:?}");
}
