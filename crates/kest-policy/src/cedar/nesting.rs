//! Refuses texts that nest so deep that reading them could overflow the stack, which nothing can catch.

use super::fault::at;
use crate::load::{LoadError, Problem, Source};

/// Which language a text is in: they differ in what opens a bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Policies,
    Schema,
}

/// A policy or a type nests deeper than anybody can read.
#[derive(Debug, thiserror::Error)]
#[error("nests brackets and operators deeper than {LEVELS} levels")]
struct TooDeep;

/// One open bracket and what stands in it so far. All depths are upper bounds of the depth of the parsed expression.
#[derive(Debug, Default, Clone, Copy)]
struct Level {
    /// The deepest of the elements before the last comma.
    elements: usize,
    /// `&&` and the like in this element: each wraps everything before it.
    joints: usize,
    /// The deepest of what the joints join.
    terms: usize,
    /// The last of them, still growing: each `.`, `+` and the like wraps it once more.
    term: usize,
}

impl Level {
    fn depth(self) -> usize {
        self.elements.max(self.joints.saturating_add(self.terms.max(self.term)))
    }

    fn joint(&mut self) {
        *self = Self {
            joints: self.joints.saturating_add(1),
            terms: self.terms.max(self.term),
            term: 0,
            ..*self
        };
    }

    /// One side of a comparison is done; there is no chain of comparisons.
    fn comparison(&mut self) {
        *self = Self { terms: self.terms.max(self.term.saturating_add(1)), term: 0, ..*self };
    }

    fn comma(&mut self) {
        *self = Self { elements: self.depth(), ..Self::default() };
    }
}

/// Checks `source` without recursion; the first place that is too deep is reported.
///
/// Beyond this depth Cedar's validator gives up silently and its evaluator, or the process, for want of stack.
pub(super) fn check(source: &Source, language: Language) -> Result<(), LoadError> {
    let mut open = vec![Level::default()];
    let mut tokens = Tokens { text: source.as_str(), offset: 0 };
    while let Some((offset, token)) = tokens.next_token() {
        let inner = step(&mut open, token, language);
        if inner.saturating_add(open.len()) > LEVELS {
            return Err(too_deep(source, offset));
        }
    }
    let unclosed =
        open.iter().rev().fold(0_usize, |depth, level| depth.saturating_add(level.depth()).saturating_add(1));
    if unclosed > LEVELS { Err(too_deep(source, source.as_str().len())) } else { Ok(()) }
}

/// Takes one token in, and says how deep the innermost bracket is now.
fn step(open: &mut Vec<Level>, token: &str, language: Language) -> usize {
    match token {
        "(" | "[" | "{" => open.push(Level::default()),
        "<" if language == Language::Schema => open.push(Level::default()),
        ")" | "]" | "}" => close(open),
        ">" if language == Language::Schema => close(open),
        _ => {}
    }
    let Some(level) = open.last_mut() else { return 0 };
    match token {
        "." | "+" | "-" | "*" | "/" | "%" | "!" => level.term = level.term.saturating_add(1),
        "&&" | "||" | "if" | "else" | "when" | "unless" => level.joint(),
        "=" | "<" | ">" | "in" | "has" | "like" | "is" => level.comparison(),
        "," => level.comma(),
        ";" => *level = Level::default(),
        _ => {}
    }
    level.depth()
}

/// Puts the group into what stands around it: an argument, an index, or a term of its own.
///
/// Closing more than was opened is for others to report.
fn close(open: &mut Vec<Level>) {
    if open.len() > 1
        && let Some(inner) = open.pop()
        && let Some(outer) = open.last_mut()
    {
        outer.term = outer.term.max(inner.depth()).saturating_add(1);
    }
}

fn too_deep(source: &Source, offset: usize) -> LoadError {
    at(source, source.line_of(offset), Problem::Invalid(TooDeep.into()))
}

/// Words, `&&`, `||` and single characters, without white space, comments and strings, as Cedar's grammar has them.
struct Tokens<'text> {
    text: &'text str,
    offset: usize,
}

impl<'text> Tokens<'text> {
    fn next_token(&mut self) -> Option<(usize, &'text str)> {
        loop {
            let rest = self.text.get(self.offset..)?;
            let first = rest.chars().next()?;
            let length = if first.is_whitespace() {
                first.len_utf8()
            } else if rest.starts_with("//") {
                rest.find(['\n', '\r']).unwrap_or(rest.len())
            } else if first == '"' {
                string_length(rest)
            } else {
                let token = rest.get(..token_length(rest, first))?;
                let offset = self.offset;
                self.offset = offset.saturating_add(token.len());
                return Some((offset, token));
            };
            self.offset = self.offset.saturating_add(length);
        }
    }
}

fn token_length(rest: &str, first: char) -> usize {
    let in_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if in_word(first) {
        rest.find(|letter| !in_word(letter)).unwrap_or(rest.len())
    } else if rest.starts_with("&&") || rest.starts_with("||") {
        2
    } else {
        first.len_utf8()
    }
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (offset, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset.saturating_add(1),
            _ => {}
        }
    }
    rest.len()
}

/// What the evaluator can walk with the two megabytes of stack that a thread of the runtime has, unoptimised too.
const LEVELS: usize = 32;
