//! Texts of strangers in every member of an entry, in the forms for terminals and documents.

use kest_graph::Graph;
use proptest::prelude::*;

use crate::support::{HOSTILE, all_over_graph};

/// Characters that move, hide, reorder or end something, in any form.
fn harmful(character: char) -> bool {
    let code = u32::from(character);
    (character.is_control() && character != '\n')
        || matches!(code,
            0xad | 0x61c | 0x115f | 0x1160 | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800
            | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0xe000..=0xf8ff | 0xe0000..)
        || (character.is_whitespace() && !matches!(character, ' ' | '\n'))
        || code & 0xfffe == 0xfffe
}

#[track_caller]
fn check(graph: &Graph, text: &str) {
    let (shown, ascii, mermaid) = (graph.to_text(), graph.to_ascii(), graph.to_mermaid());
    let (dot, svg, html) = (graph.to_dot(), graph.to_svg(), graph.to_html());
    for (form, picture) in [("text", &shown), ("mermaid", &mermaid), ("dot", &dot), ("svg", &svg)] {
        let found: Vec<char> = picture.chars().filter(|it| harmful(*it)).collect();
        assert_eq!(found, Vec::<char>::new(), "{form} of {text:?}");
    }
    assert!(ascii.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text:?}");
    // Mermaid: labels stand between the only two quotation marks of a line.
    for line in mermaid.lines().filter(|line| line.contains('"')) {
        assert_eq!(line.matches('"').count(), 2, "{line}");
        let label = line.split('"').nth(1).unwrap().replace("<br/>", "");
        assert!(!label.contains(['<', '>', '[', ']', '`', '%', '&', '\\']), "{line}");
    }
    // SVG: no element and no attribute but ours.
    let tags = svg.split('<').skip(1).map(|it| it.split([' ', '>', '/']).find(|it| !it.is_empty()).unwrap());
    assert!(tags.clone().all(|tag| ["svg", "title", "rect", "text", "path", "g"].contains(&tag)), "{svg}");
    assert!(!svg.contains("<script") && !svg.contains("href"));
    // HTML: the data are ASCII, and nothing in them is markup.
    let data = html.split("id=\"lineage\">").nth(1).unwrap().split("</script>").next().unwrap();
    assert!(data.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"<>&'".contains(&byte)), "{text:?}");
    assert_eq!(html.matches("</script>").count(), 2);
}

#[test]
fn hostile_text_in_any_member_is_text_in_every_form() {
    for text in HOSTILE {
        check(&all_over_graph(&[text, "plain", text]), text);
    }
    check(&all_over_graph(HOSTILE), "all");
}

#[test]
fn very_long_text_is_cut_and_counted() {
    let long = "x".repeat(280);
    let graph = all_over_graph(&[&long]);
    check(&graph, "long");
    let told = graph.to_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("... and 40 characters more"), "{told}");
    assert!(graph.to_text().lines().all(|line| line.chars().count() <= 110));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_in_any_member_is_text_in_every_form(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|.{0,40}") {
        check(&all_over_graph(&[&text, &text]), &text);
    }
}
