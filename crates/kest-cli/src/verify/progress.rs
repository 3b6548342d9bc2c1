//! Shows on a terminal how far long work has come.

use std::io::{self, IsTerminal as _, Write as _};

/// Lines between two reports.
const STEP: u64 = 256;

/// Counts lines and says so while people can see it.
#[derive(Debug)]
pub(crate) struct Progress {
    visible: bool,
    lines: u64,
    refused: u64,
}

/// What a line came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Refused,
}

impl Progress {
    /// Reports on standard error if that is a terminal and standard output, which would mix with it, is not.
    pub(crate) fn start() -> Self {
        let visible = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Self { visible, lines: 0, refused: 0 }
    }

    /// Counts one line.
    pub(crate) fn count(&mut self, outcome: Outcome) {
        self.lines += 1;
        self.refused += u64::from(outcome == Outcome::Refused);
        if self.lines.is_multiple_of(STEP) {
            self.report();
        }
    }

    /// How many lines were refused, reported a last time.
    pub(crate) fn finish(self) -> u64 {
        self.report();
        if self.visible {
            writeln!(io::stderr().lock()).unwrap_or_default();
        }
        self.refused
    }

    fn report(&self) {
        if self.visible {
            // Progress that cannot be shown is no reason to stop.
            write!(io::stderr().lock(), "\r{} lines, {} refused", self.lines, self.refused)
                .unwrap_or_default();
        }
    }
}
