//! A stranger's texts that a real service signed on are texts in every picture of the lineage.

use kest_core::entry::{Resource, Sanitizer};
use kest_core::{Limits, Operation, UnverifiedPassport, Verifier};
use kest_graph::{Graph, Standing};
use kest_testkit::{TestCaller, TestKest};

/// Markup, scripts, terminal escapes, right-to-left and invisible characters, and what ends a label elsewhere.
const HOSTILE: [&str; 8] = [
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "\"]; click n0 call alert(1)",
    "\"]; n9 [URL=\"javascript:alert(1)\"]; x [label=\"",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
    "\u{202e}gnp.exe\u{2066}\u{200f}",
    "a\u{200b}b\u{2060}c\u{feff}d\u{e0041}",
    "two\r\nlines\u{2028}and\u{85}more",
];

/// A lineage whose first signer took every name from a stranger.
fn drawn(text: &str) -> Graph {
    let kit = TestKest::new(["gateway", "cart"]);
    let taken = Operation::named(text).unwrap().taint(text).resource(Resource::new(text));
    let cleaned = Operation::named(text).unwrap().sanitizer(Sanitizer::because(text).removes(text));
    let lineage =
        kit.lineage().caller(TestCaller::user(text)).hop_as("gateway", taken).hop_as("cart", cleaned);
    let passport = lineage.passport();
    let entries = passport.entries().iter().map(|entry| entry.compact());
    let carried = UnverifiedPassport::from_entries(entries, passport.tips(), &Limits::default()).unwrap();
    let graph = Graph::verify(carried, &Verifier::default(), &kit.keys());
    assert_eq!(graph.standing(), &Standing::Verified, "{text:?}");
    graph
}

fn moves_or_hides(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(u32::from(character), 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe0000..)
}

/// Attack: what a terminal obeys or does not show.
#[test]
fn escapes_and_invisible_characters_reach_no_terminal() {
    for text in HOSTILE {
        let graph = drawn(text);
        for picture in [graph.to_text(), graph.to_ascii()] {
            assert_eq!(picture.chars().filter(|it| moves_or_hides(*it)).collect::<String>(), "", "{text:?}");
            // Lines are ours: of each entry the same ones, whatever it says.
            assert_eq!(picture.lines().filter(|line| line.contains("[verified]")).count(), 2, "{text:?}");
        }
        assert!(graph.to_ascii().is_ascii());
    }
}

/// Attack: markup and scripts, in what browsers and renderers read.
#[test]
fn markup_reaches_no_renderer() {
    for text in HOSTILE {
        let graph = drawn(text);
        let (svg, html, mermaid, dot) = (graph.to_svg(), graph.to_html(), graph.to_mermaid(), graph.to_dot());
        assert!(!svg.contains("<script") && !svg.contains("<img"), "{text:?}");
        assert_eq!(html.matches("<script").count(), 2, "{text:?}");
        assert_eq!(html.matches("</script>").count(), 2, "{text:?}");
        assert!(!html.contains("<img") && !html.contains("onerror=alert"), "{text:?}");
        assert_eq!(mermaid.lines().filter(|line| line.matches('"').count() == 2).count(), 2, "{text:?}");
        assert!(!mermaid.contains("click n0") || mermaid.contains("#93;#59; click n0"), "{text:?}");
        assert!(!dot.contains("URL=\"") || dot.contains("URL=\\\""), "{text:?}");
        for picture in [svg, html, mermaid, dot] {
            assert_eq!(picture.chars().filter(|it| moves_or_hides(*it)).collect::<String>(), "", "{text:?}");
        }
    }
}
