//! What the forms say of lineages that hold, that do not, and that were not checked.

use std::collections::HashMap;

use kest_core::Operation;
use kest_core::entry::{EntryHash, Sanitizer};
use kest_core::trust::Origin;
use kest_graph::{Graph, Standing};
use kest_testkit::{TestCaller, TestKest};

use crate::support::{carried, drawn, vector, vectors, verified};

fn every_form(graph: &Graph) -> [(&'static str, String); 6] {
    [
        ("text", graph.to_text()),
        ("ascii", graph.to_ascii()),
        ("mermaid", graph.to_mermaid()),
        ("dot", graph.to_dot()),
        ("svg", graph.to_svg()),
        ("html", graph.to_html()),
    ]
}

#[test]
fn join_is_drawn_as_a_join() {
    let graph = drawn("accept.json", "diamond");
    let text = graph.to_text();
    let lanes: Vec<String> = text
        .lines()
        .filter(|line| line.contains("[verified]"))
        .map(|line| line.split('#').next().unwrap().trim_end().to_owned())
        .collect();
    assert_eq!(lanes, ["●", "├─●", "● │", "●─╯"], "{text}");
    assert!(text.starts_with("VERIFIED: 4 entries, 1 tip\n") && text.contains("follows   #1, #2"), "{text}");
    let mermaid = graph.to_mermaid();
    for edge in ["n0 --> n1", "n0 --> n2", "n1 --> n3", "n2 --> n3"] {
        assert!(mermaid.contains(edge), "{mermaid}");
        assert!(graph.to_dot().contains(&edge.replace("-->", "->")));
    }
    assert_eq!(graph.to_svg().matches("<path ").count(), 4);
}

#[test]
fn several_roots_and_tips_are_drawn() {
    let text = drawn("accept.json", "open_diamond_with_two_tips").to_text();
    assert!(text.starts_with("VERIFIED: 3 entries, 2 tips"), "{text}");
    let text = drawn("accept.json", "fan_in_of_two_roots").to_text();
    let lanes: Vec<&str> = text.lines().filter(|line| line.contains("[verified]")).collect();
    assert!(lanes[1].starts_with("│ ●") && lanes[2].starts_with("●─╯"), "{text}");
}

#[test]
fn why_trust_fell_and_who_removed_what_is_told() {
    let kit = TestKest::new(["gateway", "cart", "stock"]);
    let cleaned =
        Operation::from_static("clean").sanitizer(Sanitizer::because("names were blanked").removes("pii"));
    let lineage = kit
        .lineage()
        .caller(TestCaller::user("alice"))
        .origin(Origin::user_input())
        .hop_as("gateway", Operation::from_static("take").taint("pii"))
        .hop_as("cart", Operation::from_static("ask").origin(Origin::third_party_api()))
        .hop_as("stock", cleaned);
    let text = verified(&lineage.passport(), &kit.keys()).to_text();
    for said in [
        "40 of 100, origin user_input is worth 40",
        "24 of 100, origin third_party_api keeps 60 % of the 40 of its weakest parent #0",
        "in nothing; added pii; out pii",
        "removed pii by",
        "\"names were blanked\"; out nothing",
        "user alice",
    ] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert!(flat.contains(said), "{said}: {text}");
    }
}

#[test]
fn refused_lineage_is_drawn_up_to_the_fault_which_is_named() {
    for (name, kind, index, drawn_to) in [
        ("signature_of_another_entry", "bad_signature", 0, 1),
        ("entry_cut_out_of_the_middle", "broken_link", 1, 2),
    ] {
        let graph = drawn("refuse.json", name);
        let Standing::Refused(fault) = graph.standing() else { panic!("{name}") };
        assert_eq!((fault.kind, fault.index, graph.len()), (kind, Some(index), drawn_to), "{name}");
        let text = graph.to_text();
        assert!(text.starts_with(&format!("REFUSED, {kind} at #{index}")), "{text}");
        assert!(text.contains("✗") && text.contains(&format!("[REFUSED: {kind}]")), "{text}");
        assert!(graph.to_dot().contains("shape=octagon") && graph.to_mermaid().contains(":::refused"));
    }
}

#[test]
fn parent_that_is_not_there_and_tips_that_differ_are_drawn() {
    let text = drawn("refuse.json", "entry_cut_out_of_the_middle").to_text();
    assert!(text.contains("? missing parent"), "{text}");
    let text = drawn("refuse.json", "entries_swapped").to_text();
    assert!(text.contains("it stands behind, as #"), "{text}");
    let text = drawn("refuse.json", "tail_cut_off").to_text();
    assert!(text.contains("missing tip") && text.contains("announced and not there"), "{text}");
    assert!(text.contains("the passport ends here, and that was not announced"), "{text}");
    let text = drawn("refuse.json", "two_tips_one_announced").to_text();
    assert!(text.starts_with("REFUSED, chain_tip_mismatch (") && text.contains("not announced"), "{text}");
}

#[test]
fn standing_differs_by_word_and_shape_in_every_form() {
    let holds = drawn("accept.json", "chain_of_two");
    let claimed = Graph::unchecked(&carried(&vector("accept.json", "chain_of_two")));
    let refused = drawn("refuse.json", "forged_passport");
    let plain = |text: &str| text.replace("#91;", "[").replace("#93;", "]").replace("#58;", ":");
    for ((form, holds), ((_, claimed), (_, refused))) in
        every_form(&holds).into_iter().zip(every_form(&claimed).into_iter().zip(every_form(&refused))).take(5)
    {
        assert!(plain(&holds).contains("[verified]"), "{form}");
        assert!(
            plain(&claimed).contains("[not checked]") && !plain(&claimed).contains("[verified]"),
            "{form}"
        );
        assert!(plain(&refused).contains("[REFUSED: "), "{form}");
    }
    assert!(claimed.to_svg().contains("stroke-dasharray") && !holds.to_svg().contains("stroke-dasharray"));
    assert!(claimed.to_text().contains("○ #0") && claimed.to_ascii().contains("o #0"));
}

/// A lineage in which an operation signs what it made, and a log recorded what another gave.
fn with_contents() -> (Graph, [String; 2]) {
    let kit = TestKest::new(["gateway", "press"]);
    let [page, answer] = ["page", "answer"].map(|text| EntryHash::of_bytes(text.as_bytes()));
    let publish = Operation::from_static("publish").content_hash(page);
    let lineage = kit.lineage().origin(Origin::user_input()).hop("gateway").hop_as("press", publish);
    let passport = lineage.passport();
    let others = [EntryHash::of("another entry"), passport.entries()[0].hash()];
    let recorded = HashMap::from(others.map(|entry| (entry, answer)));
    (verified(&passport, &kit.keys()).with_recorded(&recorded), [page.to_hex(), answer.to_hex()])
}

#[test]
fn what_operations_gave_is_told_and_whether_an_entry_signs_it() {
    let (graph, [page, answer]) = with_contents();
    let text = graph.to_text();
    assert!(text.contains(&format!("content   {answer}, recorded\n")), "{text}");
    assert!(text.contains(&format!("content   {page}, signed\n")), "{text}");
    for (form, picture) in every_form(&graph) {
        // The entries of a page hold what they sign themselves; narrow boxes break a hash.
        let told = |hash: &str| picture.matches(&hash.chars().take(12).collect::<String>()).count();
        assert_eq!((told(&answer), told(&page)), (1, usize::from(form != "html")), "{form}: {picture}");
    }
    assert_eq!(every_form(&graph), every_form(&with_contents().0), "the same input gives the same bytes");
    let without = drawn("accept.json", "chain_of_two");
    assert!(!without.to_text().contains("content ") && !without.to_html().contains("\"recorded\":"));
}

#[test]
fn same_input_gives_the_same_bytes() {
    for case in vectors("accept.json").as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        assert_eq!(
            every_form(&drawn("accept.json", name)),
            every_form(&drawn("accept.json", name)),
            "{name}"
        );
    }
}

#[test]
fn every_vector_is_drawn_with_the_verdict_of_the_verifier() {
    for (file, holds) in [("accept.json", true), ("refuse.json", false)] {
        for case in vectors(file).as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            let graph = drawn(file, name);
            assert_eq!(*graph.standing() == Standing::Verified, holds, "{name}");
            let ascii = graph.to_ascii();
            assert!(ascii.is_ascii(), "{name}");
            assert!(graph.to_dot().ends_with("}\n") && graph.to_svg().ends_with("</svg>\n"), "{name}");
        }
    }
}

#[test]
fn long_lineage_is_folded_by_workload_where_boxes_are_drawn() {
    let kit = TestKest::new(["gateway", "cart", "stock"]);
    let graph = verified(&kit.lineage().hops(300).passport(), &kit.keys());
    assert_eq!(graph.len(), 300);
    let mermaid = graph.to_mermaid();
    assert!(mermaid.len() < 48_000 && mermaid.matches("entries#58; 100").count() == 3, "{mermaid}");
    assert_eq!(graph.to_dot().matches("entries: 100").count(), 3);
    assert_eq!(graph.to_svg().matches("entries: 100").count(), 3);
    let text = graph.to_text();
    assert!(text.lines().count() < 310 && text.contains("#299 "), "{}", text.lines().count());
}

#[test]
fn input_that_is_no_passport_is_named() {
    let graph = Graph::unreadable("passport_malformed");
    for (form, picture) in every_form(&graph) {
        assert!(
            picture.contains("passport_malformed") || picture.contains("passport#95;malformed"),
            "{form}"
        );
    }
    assert!(graph.is_empty());
}
