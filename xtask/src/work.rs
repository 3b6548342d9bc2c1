//! What fuzzing came to, target by target, in this run and since the corpus began.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Work on one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) executions: u64,
    /// Of the processor, so that hours of two jobs are two hours.
    pub(crate) time: Duration,
}

impl Work {
    fn plus(self, other: Self) -> Self {
        Self { executions: self.executions + other.executions, time: self.time + other.time }
    }
}

/// What one target came to.
#[derive(Debug)]
struct Row {
    target: String,
    now: Work,
    /// All runs on this corpus.
    total: Work,
    inputs: usize,
}

/// The sums of all runs, in a file beside the corpus, and what this run adds.
#[derive(Debug)]
pub(crate) struct Ledger {
    sums: Map<String, Value>,
    rows: Vec<Row>,
}

impl Ledger {
    /// The sums so far; none where there is no such file yet.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if !path.exists() {
            return Ok(Self { sums: Map::new(), rows: Vec::new() });
        }
        let broken = || Failure::broken(format!("cannot read {}", path.display()));
        let text = fs::read(path).map_err(broken())?;
        let sums = serde_json::from_slice(&text).map_err(|cause| broken()(cause.into()))?;
        Ok(Self { sums, rows: Vec::new() })
    }

    /// Adds a run and writes the sums, so that a later target that fails takes nothing away.
    pub(crate) fn add(&mut self, path: &Path, target: &str, now: Work, inputs: usize) -> Result<(), Failure> {
        let of = |member: &str| self.sums.get(target).and_then(|sum| sum.get(member)).and_then(Value::as_u64);
        let before = Work {
            executions: of("executions").unwrap_or_default(),
            time: Duration::from_millis(of("cpu_milliseconds").unwrap_or_default()),
        };
        let total = before.plus(now);
        let sum = json!({"executions": total.executions, "cpu_milliseconds": milliseconds(total.time)});
        self.sums.insert(target.to_owned(), sum);
        self.rows.push(Row { target: target.to_owned(), now, total, inputs });
        fs::write(path, Value::Object(self.sums.clone()).to_string())
            .map_err(Failure::broken(format!("cannot write {}", path.display())))
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let head = ["target", "executions", "CPU s", "inputs", "all executions", "all CPU s"];
        let mut text = line(head.map(str::to_owned));
        for row in &self.rows {
            let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
            text.push_str(&line([
                row.target.clone(),
                row.now.executions.to_string(),
                seconds(row.now.time),
                row.inputs.to_string(),
                row.total.executions.to_string(),
                seconds(row.total.time),
            ]));
        }
        text
    }

    /// The same as one JSON object.
    pub(crate) fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "target": row.target, "executions": row.now.executions,
                    "cpu_seconds": row.now.time.as_secs_f64(), "inputs": row.inputs,
                    "all_executions": row.total.executions, "all_cpu_seconds": row.total.time.as_secs_f64(),
                })
            })
            .collect();
        json!({ "targets": rows })
    }
}

fn line([target, cells @ ..]: [String; 6]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>16}")).collect();
    format!("{target:<16}{cells}\n")
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Executions that libFuzzer counted, by its `-print_final_stats`.
pub(crate) fn executions(said: &str) -> u64 {
    let counts = said.lines().filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    counts.filter_map(|count| count.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::repository;

    #[test]
    fn hours_add_up_over_runs_and_over_targets_that_fail_later() {
        let path = repository().join("target").join(format!("ledger-{}.json", std::process::id()));
        let work = Work { executions: 1000, time: Duration::from_millis(1500) };
        Ledger::open(&path).unwrap().add(&path, "header", work, 7).unwrap();
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.add(&path, "header", work, 9).unwrap();
        ledger.add(&path, "entry", work, 1).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(
            ledger.to_json(),
            json!({"targets": [
                {"target": "header", "executions": 1000, "cpu_seconds": 1.5, "inputs": 9,
                 "all_executions": 2000, "all_cpu_seconds": 3.0},
                {"target": "entry", "executions": 1000, "cpu_seconds": 1.5, "inputs": 1,
                 "all_executions": 1000, "all_cpu_seconds": 1.5},
            ]})
        );
        let table = ledger.table();
        let rows: Vec<Vec<&str>> =
            table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            rows,
            [["header", "1000", "1.5", "9", "2000", "3.0"], ["entry", "1000", "1.5", "1", "1000", "1.5"]]
        );
    }

    #[test]
    fn executions_are_those_of_the_final_statistics() {
        let said = "INFO: seed\nstat::number_of_executed_units: 1234\nstat::average_exec_per_sec:     9\n";
        assert_eq!(executions(said), 1234);
        assert_eq!(executions("INFO: seed"), 0);
    }
}
