//! What ran, what was left out, and how long each took.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::run::say;

/// The steps of one task, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    step: String,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    LeftOut(String),
}

impl Report {
    /// Performs a step and keeps how it went.
    pub(crate) fn step(
        &mut self,
        name: &str,
        perform: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        let result = perform();
        let took = start.elapsed();
        let outcome = if result.is_ok() { Outcome::Passed(took) } else { Outcome::Failed(took) };
        self.lines.push(Line { step: name.to_owned(), outcome });
        result
    }

    pub(crate) fn left_out(&mut self, name: &str, reason: &str) {
        self.lines.push(Line { step: name.to_owned(), outcome: Outcome::LeftOut(reason.to_owned()) });
    }

    pub(crate) fn print(&self) -> Result<(), Failure> {
        say(format_args!("\n{}", self.render()))
    }

    fn render(&self) -> String {
        let mut text = String::new();
        let (mut passed, mut failed, mut left_out) = (0_usize, 0_usize, 0_usize);
        for Line { step, outcome } in &self.lines {
            let (count, line) = match outcome {
                Outcome::Passed(took) => (&mut passed, format!("passed    {step:<24} {}", seconds(*took))),
                Outcome::Failed(took) => (&mut failed, format!("FAILED    {step:<24} {}", seconds(*took))),
                Outcome::LeftOut(reason) => (&mut left_out, format!("left out  {step:<24} {reason}")),
            };
            *count += 1;
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(&self.warning());
        format!("{text}steps: {passed} passed, {failed} failed, {left_out} skipped")
    }

    /// Loud, so that a green run is not taken for more than it is.
    fn warning(&self) -> String {
        let mut text = String::new();
        for Line { step, outcome } in &self.lines {
            if let Outcome::LeftOut(reason) = outcome {
                let head = if text.is_empty() { "\nWARNING: NOT CHECKED by this run\n" } else { "" };
                text.push_str(&format!("{head}  {step}: {reason}\n"));
            }
        }
        if text.is_empty() { text } else { text + "\n" }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:>7.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_tells_what_ran_what_failed_and_what_was_left_out() {
        let mut report = Report::default();
        report.step("format", || Ok(())).unwrap();
        report.step("lints", || Err(Failure::Missing("x".to_owned()))).unwrap_err();
        report.left_out("dependencies", "cargo-deny is not installed");
        let text = report.render();
        let (steps, warning) = text.split_once("\n\n").unwrap();
        let steps: Vec<_> =
            steps.lines().filter_map(|line| line.split_once("  ")).map(|(word, _)| word).collect();
        assert_eq!(steps, ["passed", "FAILED", "left out"]);
        assert_eq!(
            warning.lines().collect::<Vec<_>>(),
            [
                "WARNING: NOT CHECKED by this run",
                "  dependencies: cargo-deny is not installed",
                "",
                "steps: 1 passed, 1 failed, 1 skipped"
            ]
        );
    }

    #[test]
    fn run_that_checked_everything_warns_of_nothing() {
        let mut report = Report::default();
        report.step("format", || Ok(())).unwrap();
        assert!(!report.render().contains("WARNING"));
    }
}
