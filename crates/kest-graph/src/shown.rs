//! Makes a stranger's text a text that can be looked at: nothing in it moves, hides, reorders or ends anything.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

/// Columns of one value; a longer one is cut, and what is missing is counted.
const LONGEST: usize = 240;

/// Marks that may stand on one letter: more of them would grow over the lines above and below.
const MARKS: usize = 2;

/// `text` as it is shown: bare where it is one plain word, in quotation marks otherwise.
///
/// So it cannot be taken for words beside it. What would hide, reorder, move or end anything is spelled as `\u{..}`, and what is too long is cut.
///
/// ```
/// assert_eq!(kest_graph::shown("spiffe://example.org/cart"), "spiffe://example.org/cart");
/// assert_eq!(kest_graph::shown("a\u{202e}b c"), r#""a\u{202e}b c""#);
/// ```
#[must_use]
pub fn shown(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_of_a_word) && text.width() <= LONGEST {
        return text.to_owned();
    }
    let mut shown = String::from("\"");
    let mut marks = MARKS;
    let mut columns = 0;
    let mut rest = text.chars();
    for character in rest.by_ref() {
        marks = if character.width() == Some(0) { marks + 1 } else { 0 };
        let before = shown.len();
        push(&mut shown, character, marks > MARKS);
        columns += shown.get(before..).map_or(0, UnicodeWidthStr::width);
        if columns >= LONGEST {
            break;
        }
    }
    shown.push('"');
    let missing = rest.count();
    if missing > 0 {
        // Writing to a String does not fail.
        write!(shown, "... and {missing} characters more").unwrap_or_default();
    }
    shown
}

fn is_of_a_word(character: char) -> bool {
    (character.is_alphanumeric() && character.width().is_some_and(|width| width > 0) && !hides(character))
        || matches!(character, '.' | '_' | ':' | '/' | '@' | '+' | '-')
}

fn push(shown: &mut String, character: char, stacked: bool) {
    match character {
        '\\' => shown.push_str(r"\\"),
        '"' => shown.push_str("\\\""),
        ' ' => shown.push(' '),
        _ if stacked || character.is_control() || character.is_whitespace() || hides(character) => {
            shown.extend(character.escape_unicode());
        }
        _ => shown.push(character),
    }
}

/// Format characters, fillers, private use and planes without a letter: what changes how others look, or cannot be seen itself.
#[must_use]
pub fn hides(character: char) -> bool {
    let code = u32::from(character);
    matches!(
        code,
        0xad | 0x34f
            | 0x600..=0x605
            | 0x61c
            | 0x6dd
            | 0x70f
            | 0x890..=0x891
            | 0x8e2
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0x2800
            | 0x3164
            | 0xe000..=0xf8ff
            | 0xfdd0..=0xfdef
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
            | 0x110bd
            | 0x110cd
            | 0x13430..=0x1345f
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0x40000..
    ) || code & 0xfffe == 0xfffe
}

/// The same text in ASCII alone.
pub(crate) fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            plain.push(character);
        } else {
            plain.extend(character.escape_unicode());
        }
    }
    plain
}

/// Lines of at most `columns`, cut at blanks where there are any.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let gap = usize::from(!line.is_empty());
        if !line.is_empty() && line.width() + gap + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if line.width() + character.width().unwrap_or(0) > columns {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

/// `text` cut to `columns`, with an ellipsis where something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if kept.width() + character.width().unwrap_or(0) + 3 > columns {
            break;
        }
        kept.push(character);
    }
    kept.push_str("...");
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_stay_and_others_are_quoted() {
        for (text, expected) in [
            ("spiffe://example.org/cart", "spiffe://example.org/cart"),
            ("Zoë", "Zoë"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a\"b\\", r#""a\"b\\""#),
            ("<script>", "\"<script>\""),
            ("a\u{1b}[2J\r\n", r#""a\u{1b}[2J\u{d}\u{a}""#),
            ("\u{202e}evil", r#""\u{202e}evil""#),
            ("a\u{200b}b\u{3164}", r#""a\u{200b}b\u{3164}""#),
            ("a\u{a0}b\u{3000}", r#""a\u{a0}b\u{3000}""#),
            ("\u{e0041}\u{fe0f}", r#""\u{e0041}\u{fe0f}""#),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn marks_do_not_pile_up_and_long_texts_end() {
        let shown_marks = shown(&format!("a{}", "\u{301}".repeat(9)));
        assert_eq!(shown_marks.matches('\u{301}').count(), MARKS);
        let long = shown(&"x".repeat(5000));
        assert!(long.ends_with("... and 4760 characters more") && long.width() < 300, "{long}");
    }

    #[test]
    fn wrapping_measures_columns_and_loses_nothing() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("漢字漢字", 4), ["漢字", "漢字"]);
        assert_eq!(wrapped(&"x".repeat(9), 4).concat(), "x".repeat(9));
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!((cut("abcdefgh", 6), cut("abc", 6)), ("abc...".to_owned(), "abc".to_owned()));
    }
}
