//! What a passport claims, as a table for a terminal: escaped, cut, aligned.

use std::collections::HashMap;

use super::claimed::Claimed;
use crate::escape::Escaped;

const COLUMNS: usize = 7;
const HEADINGS: [&str; COLUMNS] =
    ["#", "OPERATION", "WORKLOAD", "USER / AGENT / TASK", "TRUST", "TAINTS", "PARENTS"];
/// Characters of a cell; longer ones end in an ellipsis.
const CELL: usize = 60;

/// The lines of the table, headings first.
pub(crate) fn rows(entries: &[Claimed]) -> Vec<String> {
    let places: HashMap<&str, usize> =
        entries.iter().map(|entry| (entry.hash.as_str(), entry.index)).collect();
    let mut cells = vec![HEADINGS.map(str::to_owned)];
    cells.extend(entries.iter().map(|entry| row(entry, &places).map(|cell| tame(&cell))));
    let mut widths = [0; COLUMNS];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    cells.iter().map(|row| align(row, &widths)).collect()
}

fn row(entry: &Claimed, places: &HashMap<&str, usize>) -> [String; COLUMNS] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    if let Some(problem) = entry.problem {
        let mut cells = [const { String::new() }; COLUMNS];
        let [index, operation, ..] = &mut cells;
        *index = entry.index.to_string();
        *operation = format!("unreadable: {problem}");
        return cells;
    }
    let identity = [&entry.user, &entry.agent, &entry.task].map(or_dash).join(" / ");
    let taints = if entry.taints.is_empty() { "-".to_owned() } else { entry.taints.join(",") };
    let parents: Vec<String> = entry.parents.iter().map(|parent| place(parent, places)).collect();
    [
        entry.index.to_string(),
        or_dash(&entry.operation),
        or_dash(&entry.principal),
        identity,
        entry.trust_score.map_or_else(|| "-".to_owned(), |score| score.to_string()),
        taints,
        if parents.is_empty() { "-".to_owned() } else { parents.join(",") },
    ]
}

/// A parent by its row, if it has one.
fn place(parent: &str, places: &HashMap<&str, usize>) -> String {
    match places.get(parent) {
        Some(index) => format!("#{index}"),
        None if parent == "0" => "root".to_owned(),
        None => format!("{}?", parent.chars().take(12).collect::<String>()),
    }
}

/// Bounded before it is escaped, so that a cell costs no more than it shows.
fn tame(cell: &str) -> String {
    let start: String = cell.chars().take(CELL + 1).collect();
    let escaped = Escaped(&start).to_string();
    if escaped.chars().count() > CELL {
        escaped.chars().take(CELL - 1).chain(['…']).collect()
    } else {
        escaped
    }
}

fn align(row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        let gap = width.saturating_sub(cell.chars().count()) + 2;
        line.extend(std::iter::repeat_n(' ', gap));
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_cut_and_parents_are_named_by_their_rows() {
        let root = Claimed {
            hash: "aa".into(),
            operation: Some("x\u{1b}".repeat(100)),
            parents: vec!["0".into()],
            ..Claimed::default()
        };
        let child = Claimed { index: 1, parents: vec!["aa".into(), "bb".repeat(32)], ..Claimed::default() };
        let rows = rows(&[root, child]);
        assert!(rows[1].contains(r"x\u{1b}x\u{1b}") && rows[1].contains('…'));
        assert!(!rows[1].contains('\u{1b}'));
        assert!(rows[1].ends_with("root"));
        assert!(rows[2].ends_with("#0,bbbbbbbbbbbb?"), "{}", rows[2]);
    }
}
