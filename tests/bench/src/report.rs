//! What was measured, once as tables for people and once as JSON.

use serde_json::{Map, Value, json};

/// One table with what it is held against.
#[derive(Debug)]
pub(crate) struct Chapter {
    pub(crate) title: &'static str,
    pub(crate) columns: &'static [Column],
    pub(crate) rows: Vec<Vec<Cell>>,
    pub(crate) targets: Vec<Target>,
    pub(crate) notes: Vec<String>,
}

/// The name of a column in JSON, and its heading.
#[derive(Debug)]
pub(crate) struct Column(pub(crate) &'static str, pub(crate) &'static str);

/// One measured value; people read it rounded.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Text(String),
    Count(usize),
    Ratio(f64),
    Nanoseconds(f64),
    Rate(f64),
    Nothing,
}

/// A value that ought to stay under a bound; said, never enforced.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) measured: f64,
    pub(crate) below: f64,
}

impl Cell {
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Ratio(ratio) => format!("{ratio:.2}"),
            Self::Nanoseconds(number) | Self::Rate(number) => format!("{number:.0}"),
            Self::Nothing => "-".to_owned(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Count(count) => (*count).into(),
            Self::Ratio(number) | Self::Nanoseconds(number) | Self::Rate(number) => (*number).into(),
            Self::Nothing => Value::Null,
        }
    }
}

impl Target {
    fn holds(&self) -> bool {
        self.measured < self.below
    }
}

impl Chapter {
    /// The table, its targets and its notes.
    pub(crate) fn shown(&self) -> String {
        let headings = self.columns.iter().map(|column| column.1.to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(headings)
            .chain(self.rows.iter().map(|row| row.iter().map(Cell::shown).collect()))
            .collect();
        let mut text = format!("{}\n", self.title);
        for row in &rows {
            let mut line = String::new();
            for (place, shown) in row.iter().enumerate() {
                let width = rows.iter().filter_map(|row| row.get(place)).map(String::len).max().unwrap_or(0);
                // Names stand left, numbers right.
                line.push_str(&if place == 0 {
                    format!("  {shown:<width$}")
                } else {
                    format!("  {shown:>width$}")
                });
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for target in &self.targets {
            let verdict = if target.holds() { "holds" } else { "missed" };
            let line =
                format!("  target: {} < {}: {:.2}, {verdict}\n", target.what, target.below, target.measured);
            text.push_str(&line);
        }
        for note in &self.notes {
            text.push_str(&format!("  {note}\n"));
        }
        text
    }

    /// `{"rows": [{column: value}], "targets": [..], "notes": [..]}`.
    pub(crate) fn to_json(&self) -> Value {
        let row = |row: &Vec<Cell>| -> Value {
            let named = self.columns.iter().zip(row);
            named.map(|(column, cell)| (column.0.to_owned(), cell.to_json())).collect::<Map<_, _>>().into()
        };
        let target = |target: &Target| {
            json!({
                "what": target.what, "measured": target.measured, "below": target.below, "holds": target.holds(),
            })
        };
        json!({
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "targets": self.targets.iter().map(target).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}
