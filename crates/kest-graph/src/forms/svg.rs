//! A picture of its own: boxes and lines, no scripts, no styles and no fonts from elsewhere.

use std::collections::BTreeMap;

use super::place::middles;
use crate::fold::{Drawn, Item};
use crate::graph::Graph;
use crate::layout::Slot;
use crate::shown::wrapped;

/// Entries beyond which it is folded.
const ENTRIES: usize = 250;
/// Columns of a line in a box.
const COLUMNS: usize = 52;
/// Lines of a box; of more, the rest is counted.
const LINES: usize = 24;
/// Sizes, in units of the picture: a column of the font is at most so wide.
const COLUMN: i64 = 7;
const LINE: i64 = 16;
const PAD: i64 = 12;
const GAP: i64 = 28;
const BEND: i64 = 16;
const RISE: i64 = 44;
const BOX: i64 = 52 * COLUMN + 2 * PAD;
const MARGIN: i64 = 24;
const TOP: i64 = 64;

/// The picture.
pub(crate) fn svg(graph: &Graph) -> String {
    let drawn = Drawn::of(graph, ENTRIES);
    let boxes: Vec<Vec<String>> = drawn.items.iter().map(lines).collect();
    let middles = middles(&drawn.layout, |slot| match slot {
        Slot::Item(_) => BOX + GAP,
        Slot::Bend(_) => BEND,
    });
    let mut places = Places::default();
    let mut top = TOP;
    for (slots, middles) in drawn.layout.layers.iter().zip(&middles) {
        let heights = slots.iter().map(|slot| match slot {
            Slot::Item(item) => boxes.get(*item).map_or(0, |lines| height(lines)),
            Slot::Bend(_) => 0,
        });
        let tallest = heights.max().unwrap_or(0);
        for (slot, middle) in slots.iter().zip(middles) {
            match slot {
                Slot::Item(item) => {
                    let height = boxes.get(*item).map_or(0, |lines| height(lines));
                    places.items.insert(*item, (middle + MARGIN, top, height));
                }
                Slot::Bend(edge) => {
                    places.bends.entry(*edge).or_default().push((middle + MARGIN, top, tallest));
                }
            }
        }
        top += tallest + RISE;
    }
    let right = places.items.values().map(|(middle, _, _)| middle + BOX / 2).max().unwrap_or(BOX) + MARGIN;
    let width = right.max(2 * MARGIN + 80 * COLUMN);
    let mut picture = head(&drawn.header, width, top.max(TOP + LINE));
    for (number, edge) in drawn.layout.edges.iter().enumerate() {
        picture.push_str(&line(&places, number, edge.parent, edge.child));
    }
    for (item, lines) in drawn.items.iter().zip(&boxes) {
        picture.push_str(&a_box(item, lines, &places));
    }
    picture.push_str("</svg>\n");
    picture
}

#[derive(Default)]
struct Places {
    /// The middle, the top and the height of each box.
    items: BTreeMap<usize, (i64, i64, i64)>,
    /// The middle, the top and the height of each layer that an edge passes.
    bends: BTreeMap<usize, Vec<(i64, i64, i64)>>,
}

fn head(header: &str, width: i64, height: i64) -> String {
    let header = escaped(header);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{header}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', \
         Consolas, monospace\" font-size=\"11\">\n<title>{header}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"32\" font-size=\"14\" font-weight=\"600\" fill=\"#1a1f24\">{header}</text>\n"
    )
}

fn lines(item: &Item) -> Vec<String> {
    let mut lines: Vec<String> = item.lines().iter().flat_map(|line| wrapped(line, COLUMNS)).collect();
    if lines.len() > LINES {
        let more = lines.len() - LINES + 1;
        lines.truncate(LINES - 1);
        lines.push(format!("... and {more} lines more"));
    }
    lines
}

fn height(lines: &[String]) -> i64 {
    i64::try_from(lines.len()).unwrap_or(0) * LINE + 2 * PAD
}

/// A line from box to box, straight through the layers that it passes.
fn line(places: &Places, number: usize, parent: usize, child: usize) -> String {
    let (Some((from, top, height)), Some((to, end, _))) =
        (places.items.get(&parent), places.items.get(&child))
    else {
        return String::new();
    };
    let (mut x, mut y) = (*from, top + height);
    let mut path = format!("M{x} {y}");
    let mut go = |next: i64, down: i64, after: i64| {
        let half = (down - y) / 2;
        path.push_str(&format!(" C{x} {} {next} {} {next} {down}", y + half, down - half));
        if after > down {
            path.push_str(&format!(" L{next} {after}"));
        }
        (x, y) = (next, after);
    };
    for (middle, top, height) in places.bends.get(&number).into_iter().flatten() {
        go(*middle, *top, top + height);
    }
    go(*to, *end, *end);
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"#6b7680\" stroke-width=\"1.5\"/>\n")
}

/// Corners, dashes and the word in the title say how far it was proved; colour only agrees with them.
fn a_box(item: &Item, lines: &[String], places: &Places) -> String {
    let Some((middle, top, height)) = places.items.get(&item.number) else {
        return String::new();
    };
    let left = middle - BOX / 2;
    let look = match item.look {
        "verified" => "rx=\"4\" fill=\"#f4f8f5\" stroke=\"#2f6b45\" stroke-width=\"1.5\"",
        "refused" => "fill=\"#fdf3f3\" stroke=\"#a3171f\" stroke-width=\"4\"",
        "unchecked" => {
            "rx=\"16\" fill=\"#fafafa\" stroke=\"#5b6670\" stroke-width=\"1.5\" stroke-dasharray=\"7 4\""
        }
        _ => "fill=\"#ffffff\" stroke=\"#a3171f\" stroke-width=\"1.5\" stroke-dasharray=\"2 4\"",
    };
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let y = top + PAD + LINE * (i64::try_from(place).unwrap_or(0) + 1) - 4;
        let weight = if place == 0 { " font-weight=\"600\"" } else { "" };
        let x = left + PAD;
        text.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\"{weight} xml:space=\"preserve\">{}</text>\n",
            escaped(line)
        ));
    }
    format!(
        "<g fill=\"#1a1f24\">\n<rect x=\"{left}\" y=\"{top}\" width=\"{BOX}\" height=\"{height}\" {look}/>\n{text}</g>\n"
    )
}

/// Text of XML and HTML, in elements and in attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
