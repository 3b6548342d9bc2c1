//! A flowchart of Mermaid, in which a stranger's text is a row of character references.

use std::fmt::Write as _;

use crate::fold::Drawn;
use crate::graph::Graph;
use crate::shown::cut;

/// Entries beyond which it is folded.
const ENTRIES: usize = 60;
/// Characters that Mermaid reads, unless its `maxTextSize` says otherwise, with room for what a document has around it.
const LONGEST: usize = 48_000;
/// Lines that Mermaid draws, unless its `maxEdges` says otherwise.
const LINES: usize = 500;
/// Columns of a line in a box.
const COLUMNS: usize = 90;

/// The flowchart: every entry, or folded by workload where Mermaid would not read that.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let whole = Drawn::of(graph, ENTRIES);
    let text = chart(&whole);
    if is_read(&whole, &text) {
        return text;
    }
    let folded = Drawn::folded(graph);
    let text = chart(&folded);
    if is_read(&folded, &text) { text } else { format!("{}{text}", note(&folded, &text)) }
}

/// Whether Mermaid reads it without being told to.
fn is_read(drawn: &Drawn, chart: &str) -> bool {
    chart.len() <= LONGEST && drawn.edges.len() <= LINES
}

/// What to tell Mermaid. A chart cannot say it itself: these two settings are for the page around it alone.
fn note(drawn: &Drawn, chart: &str) -> String {
    let (text, lines) = ((chart.len() + 2 * ROUND).next_multiple_of(ROUND), drawn.edges.len().max(LINES));
    format!(
        "%% too long for the defaults of Mermaid: initialize it with maxTextSize {text} and maxEdges {lines}\n"
    )
}

/// Limits are named in round figures.
const ROUND: usize = 1000;

fn chart(drawn: &Drawn) -> String {
    let mut chart = String::from("flowchart TD\n");
    let mut line = |text: &str| {
        chart.push_str(text);
        chart.push('\n');
    };
    for item in &drawn.items {
        let lines: Vec<String> = item.lines().iter().map(|line| escaped(&cut(line, COLUMNS))).collect();
        // Shapes differ as words do: a box, a hexagon, a stadium, a flag.
        let (open, close) = match item.look {
            "verified" => ("[", "]"),
            "refused" => ("{{", "}}"),
            "unchecked" => ("([", "])"),
            _ => (">", "]"),
        };
        line(&format!("  n{}{open}\"{}\"{close}:::{}", item.number, lines.join("<br/>"), item.look));
    }
    for (parent, child, count) in &drawn.edges {
        let label = if *count > 1 { format!("|\"{count} times\"|") } else { String::new() };
        line(&format!("  n{parent} -->{label} n{child}"));
    }
    line("  classDef verified stroke-width:2px");
    line("  classDef refused stroke-width:4px,stroke:#b00020");
    line("  classDef unchecked stroke-dasharray:6 4");
    line("  classDef missing stroke-dasharray:2 4,stroke:#b00020");
    if drawn.items.is_empty() {
        line(&format!("  nothing[\"{}\"]", escaped(&drawn.header)));
    }
    chart
}

/// Everything but letters, digits and blanks as a reference, so that no text can be markup, a directive or a link.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        // These four are how Mermaid marks references of its own.
        let letter = character.is_alphanumeric() && !matches!(character, 'ﬂ' | '°' | '¶' | 'ß');
        if letter || matches!(character, ' ' | ',' | '-') {
            escaped.push(character);
        } else {
            // Writing to a String does not fail.
            write!(escaped, "#{};", u32::from(character)).unwrap_or_default();
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_letters_digits_and_blanks_stays() {
        assert_eq!(escaped("a1 é"), "a1 é");
        assert_eq!(escaped("\"]-->x"), "#34;#93;--#62;x");
        assert_eq!(escaped("%%{"), "#37;#37;#123;");
        assert_eq!(escaped("ﬂ°60¶ß"), "#64258;#176;60#182;#223;");
    }
}
