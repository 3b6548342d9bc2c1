//! Makes a stranger's text harmless to a terminal: no control characters, nothing that reorders or hides.

use std::fmt::{self, Write as _};

/// Shows a text with its harmful characters spelled as `\u{..}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Escaped<'text>(pub(crate) &'text str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_harmful(character) {
                write!(formatter, "{}", character.escape_unicode())?;
            } else {
                formatter.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// The same JSON text with harmful characters spelled as `\uXXXX` (RFC 8259 section 7).
///
/// Outside of strings JSON has none but blanks, and compact JSON has not even those.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_harmful(character) {
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a String does not fail.
                write!(text, "\\u{unit:04x}").unwrap_or_default();
            }
        } else {
            text.push(character);
        }
    }
    text
}

/// Controls, and what changes how other characters look or cannot be seen itself.
fn is_harmful(character: char) -> bool {
    character.is_control() || kest_graph::hides(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_overrides_reach_no_terminal() {
        let hostile = "a\u{1b}[2J\r\n\u{9b}\u{202e}b\u{e0041}é";
        let shown = Escaped(hostile).to_string();
        assert_eq!(shown, r"a\u{1b}[2J\u{d}\u{a}\u{9b}\u{202e}b\u{e0041}é");
    }

    #[test]
    fn harmless_json_says_the_same() {
        let text = "\u{1b}\u{9b}\u{202e}\u{e0041}é\\";
        let json = harmless_json(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""\u001b\u009b\u202e\udb40\udc41é\\""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
