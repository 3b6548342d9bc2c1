//! Lines for a terminal: lanes beside the story of each entry.

use unicode_width::UnicodeWidthStr as _;

use super::lanes::{self, MARK};
use crate::facts::TITLE;
use crate::graph::{Graph, Missing, Standing, State, Tip};
use crate::shown::{ascii, cut, wrapped};

/// The letters that the reader's terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letters {
    Unicode,
    Ascii,
}

/// Columns of a line, as far as lanes leave them.
const COLUMNS: usize = 100;
/// Columns that a story has, however many lanes there are.
const NARROWEST: usize = 48;
/// Columns of what a fact is about.
const ABOUT: usize = 10;
/// Entries that are told in full; of more, each is one line.
const TOLD: usize = 250;

/// The whole picture.
pub(crate) fn text(graph: &Graph, letters: Letters) -> String {
    let mut picture = String::new();
    for line in header(graph) {
        push(&mut picture, "", &line, letters);
    }
    let order: Vec<usize> = graph.layout.order().collect();
    let parents = |item: usize| graph.nodes.get(item).map(|node| node.parents.as_slice()).unwrap_or_default();
    let beside = lanes::draw(&order, parents);
    for (item, beside) in order.iter().zip(&beside) {
        let first = beside.first.replace(MARK, sign(graph, *item, letters));
        let title = format!("{}  [{}]", cut(&graph.title(*item), TITLE), graph.word(*item));
        if graph.nodes.len() > TOLD {
            push(
                &mut picture,
                &first,
                &cut(&format!("{title}{}", short(graph, *item)), 2 * COLUMNS),
                letters,
            );
            continue;
        }
        push(&mut picture, &first, &title, letters);
        let room = COLUMNS.saturating_sub(beside.more.width() + ABOUT + 2).max(NARROWEST);
        for fact in graph.facts(*item) {
            for (place, line) in wrapped(&told(&fact.said, letters), room).iter().enumerate() {
                let about = if place == 0 { fact.about } else { "" };
                push(&mut picture, &format!("{}  ", beside.more), &format!("{about:ABOUT$}{line}"), letters);
            }
        }
        push(&mut picture, &beside.more, "", letters);
    }
    if graph.unseen > 0 {
        push(
            &mut picture,
            "",
            &format!("{} entries behind the fault were not looked at", graph.unseen),
            letters,
        );
    }
    let end = picture.trim_end().len();
    picture.truncate(end);
    picture.push('\n');
    picture
}

/// In full length before it is wrapped.
fn told(said: &str, letters: Letters) -> String {
    match letters {
        Letters::Unicode => said.to_owned(),
        Letters::Ascii => ascii(said),
    }
}

/// What holds for the whole.
pub(crate) fn header(graph: &Graph) -> Vec<String> {
    let tips = graph.nodes.iter().filter(|node| node.tip != Tip::No).count();
    let mut lines = Vec::new();
    let count = graph.nodes.len();
    let size = match (count, graph.unseen) {
        (0, 0) => "no entries".to_owned(),
        (_, 0) => {
            format!("{count} {}, {tips} {}", plural(count, "entry", "entries"), plural(tips, "tip", "tips"))
        }
        (_, unseen) => format!("{count} of {} entries", count + unseen),
    };
    lines.push(match &graph.standing {
        Standing::Verified => format!("VERIFIED: {size}"),
        Standing::NotChecked => format!("NOT CHECKED, anybody can have written this: {size}"),
        Standing::Refused(fault) => {
            let place = fault.index.map_or_else(String::new, |index| format!(" at #{index}"));
            format!("REFUSED, {}{place} ({}): {size}", fault.kind, fault.why)
        }
    });
    let announced = graph.evidence.announced.is_some();
    if !announced && count > 0 {
        lines.push("no tip was announced: entries cut off at the end would not be noticed".to_owned());
    }
    let absent = graph.missing.iter().filter(|it| matches!(it, Missing::Tip(_))).count();
    if absent > 0 {
        lines.push(format!("{absent} announced {} not there", plural(absent, "tip is", "tips are")));
    }
    lines.push(String::new());
    lines
}

fn plural(count: usize, one: &'static str, more: &'static str) -> &'static str {
    if count == 1 { one } else { more }
}

fn short(graph: &Graph, item: usize) -> String {
    let of =
        |about: &str| graph.facts(item).into_iter().find(|fact| fact.about == about).map(|fact| fact.said);
    let said = ["workload", "trust", "follows"]
        .map(|about| of(about).map_or_else(String::new, |it| format!("  {it}")));
    said.concat()
}

/// Shapes that differ, beside the words.
fn sign(graph: &Graph, item: usize, letters: Letters) -> &'static str {
    let state = graph.nodes.get(item).map(|node| node.state);
    match (letters, state) {
        (Letters::Unicode, Some(State::Proved)) => "●",
        (Letters::Unicode, Some(State::AtFault)) => "✗",
        (Letters::Unicode, Some(State::Claimed)) => "○",
        (Letters::Ascii, Some(State::Proved)) => "*",
        (Letters::Ascii, Some(State::AtFault)) => "X",
        (Letters::Ascii, Some(State::Claimed)) => "o",
        (_, None) => "?",
    }
}

fn push(picture: &mut String, lanes: &str, line: &str, letters: Letters) {
    let whole = format!("{lanes}{line}");
    match letters {
        Letters::Unicode => picture.push_str(whole.trim_end()),
        Letters::Ascii => {
            let drawn: String = lanes.chars().map(plain).collect();
            picture.push_str(format!("{drawn}{}", ascii(line)).trim_end());
        }
    }
    picture.push('\n');
}

fn plain(sign: char) -> char {
    match sign {
        '│' => '|',
        '─' => '-',
        '╯' | '╰' | '├' | '┤' | '┴' | '┼' => '+',
        _ if sign.is_ascii() => sign,
        _ => '?',
    }
}
