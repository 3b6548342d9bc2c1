//! A digraph of Graphviz, in whose labels nothing is an escape or an entity.

use crate::fold::Drawn;
use crate::graph::Graph;
use crate::shown::cut;

/// Entries beyond which it is folded.
const ENTRIES: usize = 250;
/// Columns of a line in a box.
const COLUMNS: usize = 90;

/// The digraph.
pub(crate) fn dot(graph: &Graph) -> String {
    let drawn = Drawn::of(graph, ENTRIES);
    let mut digraph = String::from("digraph lineage {\n");
    let mut line = |text: &str| {
        digraph.push_str("  ");
        digraph.push_str(text);
        digraph.push('\n');
    };
    line(&format!(
        "graph [charset=\"UTF-8\", rankdir=TB, labelloc=t, label=\"{}\"];",
        escaped(&drawn.header)
    ));
    line("node [fontname=\"monospace\", fontsize=10, shape=box];");
    for item in &drawn.items {
        // Lines stand at the left: "\l" ends one.
        let lines: String =
            item.lines().iter().map(|line| format!("{}\\l", escaped(&cut(line, COLUMNS)))).collect();
        let look = match item.look {
            "verified" => "shape=box, style=solid",
            "refused" => "shape=octagon, style=bold, color=\"#b00020\"",
            "unchecked" => "shape=box, style=\"rounded,dashed\"",
            _ => "shape=note, style=dotted, color=\"#b00020\"",
        };
        line(&format!("n{} [label=\"{lines}\", {look}];", item.number));
    }
    for (parent, child, count) in &drawn.edges {
        let label = if *count > 1 { format!(" [label=\"{count} times\"]") } else { String::new() };
        line(&format!("n{parent} -> n{child}{label};"));
    }
    digraph.push_str("}\n");
    digraph
}

/// Graphviz reads backslashes and HTML's entities in every label.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '&' => escaped.push_str("&amp;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_escapes_and_entities_are_text() {
        assert_eq!(escaped(r#"a"b\N&lt;<b>"#), r#"a\"b\\N&amp;lt;<b>"#);
    }
}
