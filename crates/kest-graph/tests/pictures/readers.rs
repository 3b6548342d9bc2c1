//! Mermaid, Graphviz and a browser read what we draw for them, hostile texts included.

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
